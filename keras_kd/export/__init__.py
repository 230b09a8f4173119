"""What is deployed: SavedModel, LiteRT and ONNX files, each behind a comparison with the student."""
