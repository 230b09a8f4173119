"""How the cases of the golden files reach the methods: one file a family, each with ADAPTERS."""
