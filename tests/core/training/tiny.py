"""A network of three blocks for tests of the trainer: it learns, and compiles in a second."""

from core.models import registry
from core.models.cnn import build_cnn

SPEC = registry.ModelSpec(
    "tiny", "Tiny", "For tests alone.", "tests.core.training.tiny:build", 32, "GliaLens"
)


def build(size, labels, *, head="lesion", dropout=0.3):
    return build_cnn(size, labels, head=head, dropout=dropout, filters=(8, 8, 16))
