"""A search of the settings of a recipe, by KerasTuner."""
