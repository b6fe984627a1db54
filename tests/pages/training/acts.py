"""What a test does on the Training page, and what it lays out before."""

PAGE = "pages/4_Training.py"
WHOLE = ("last/state.safetensors", "best.weights.h5")


def epochs(losses, accuracy=0.5):
    return [
        {"epoch": k, "loss": x, "accuracy": 0.5, "val_loss": x, "val_accuracy": accuracy,
         "learning_rate": 1e-3, "seconds": 60.0}
        for k, x in enumerate(losses, 1)
    ]  # fmt: skip


def fill(at, **values):
    kinds = {"epochs": "number_input", "rate": "number_input", "model": "selectbox",
             "name": "text_input", "freeze": "selectbox", "init": "selectbox"}  # fmt: skip
    for name, value in values.items():
        getattr(at, kinds[name])(key=f"train_{name}").set_value(value)
    return at
