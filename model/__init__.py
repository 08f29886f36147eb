"""Neural Assets: the model. Geometry, networks, data engine, training, sampling, evaluation."""
