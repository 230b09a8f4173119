"""One trained model made smaller: what can be found out is found out, a recipe is proposed, and it is run."""
