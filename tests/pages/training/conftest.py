import json
import sys

import pytest

from core.data.phantom import write_phantom_dataset
from core.data.split import make_split
from core.jobs import read_job, stop_job

# Stands in for `python -m core`: writes what a training writes, one epoch at a time, and goes on
# only once a file `go-<epoch>` is there.
TRAINER = f"""#!{sys.executable}
import json, os, pathlib, signal, sys, time
words = sys.argv[3:]
if words[0] == "publish" and words[2] != "cnn":
    print("test accuracy  0.9", "Written: weights/" + words[2], sep=chr(10), flush=True)
    sys.exit(0)
if words[0] == "publish":
    print("error: Every image of an evaluation can be read. Received: none.", flush=True)
    sys.exit(1)
given = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
run = pathlib.Path(given["out"])
if given.get("model") == "vgg19":
    print("error: --init must fit the architecture. Received: another one.", flush=True)
    sys.exit(1)
def write(name, value):
    (run / (name + ".new")).write_text(json.dumps(value))
    os.replace(run / (name + ".new"), run / name)
def status(state):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write("status.json", dict(state=state, epoch=len(history), pid=os.getpid(), updated=now))
def stop(number, frame):
    status("stopped")
    sys.exit(130)
history = []
if "--resume" in words:
    history = json.loads((run / "history.json").read_text())
    config = json.loads((run / "config.json").read_text())
    config["epochs"] = int(given["epochs"])
else:
    config = dict(model=given["model"], manifest=given["manifest"], labels=["a", "b"])
    config["epochs"] = int(given["epochs"])
signal.signal(signal.SIGTERM, stop)
write("config.json", config)
status("running")
print("epoch 1/2: 10%|#", flush=True)
for epoch in range(len(history) + 1, config["epochs"] + 1):
    while not (run / f"go-{{epoch}}").exists():
        time.sleep(0.02)
    history.append(dict(epoch=epoch, loss=1 / epoch, accuracy=0.5, val_loss=1 / epoch,
                        val_accuracy=0.5 + 0.1 * epoch, learning_rate=1e-3, seconds=60.0))
    (run / "last").mkdir(exist_ok=True)
    (run / "last" / "state.safetensors").touch()
    (run / "best.weights.h5").touch()
    write("history.json", history)
    status("running")
status("finished")
"""


@pytest.fixture
def lay_run(folders):
    def lay_run(name, history, state="finished", files=(), **config):
        folder = folders / "runs" / name
        (folder / "last").mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model": "cnn", **config}))
        (folder / "history.json").write_text(json.dumps(history))
        (folder / "status.json").write_text(
            json.dumps(state if isinstance(state, dict) else {"state": state})
        )
        for file in files:
            (folder / file).touch()
        return folder

    return lay_run


@pytest.fixture
def dataset(folders):
    """A clean split of phantoms where the form looks for one."""
    write_phantom_dataset(folders / "data" / "phantoms", 6, layout="flat", size=48)
    made = make_split([folders / "data" / "phantoms"], (0.5, 0.25, 0.25))
    made.write(folders / "weights" / "manifest.csv")
    return folders / "weights" / "manifest.csv"


@pytest.fixture
def trainer(folders, monkeypatch):
    """A quick stand-in for the training process; none is left behind."""
    script = folders / "trainer"
    script.write_text(TRAINER)
    script.chmod(0o755)
    monkeypatch.setattr("core.jobs.sys.executable", str(script))
    yield folders / "runs"
    for folder in (folders / "runs").iterdir():
        job = read_job(folder, "train")
        if job is not None:
            stop_job(job)
