"""GliaLens core: imaging, data, models, training, evaluation and inference.

Nothing here imports a user interface or a web framework, and importing this package
loads neither TensorFlow nor Keras.
"""

from core.wording import mark

__version__ = "0.1.0"

DISCLAIMER = mark(
    "GliaLens is for research and teaching. It is not a medical device, it makes mistakes, "
    "and it never replaces a radiologist."
)
