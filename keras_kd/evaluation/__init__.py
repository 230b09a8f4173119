"""What is measured of a network: metrics as pure functions, perturbations, attacks, invariance, Grad-CAM."""
