import threading

import cv2
import numpy as np
import pytest

from core.batch import job as job_module
from core.batch.job import BatchJob
from core.batch.sources import MAX_BYTES, Source
from core.errors import ModelNotReadyError, TooLargeError
from core.types import Prediction

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


class Fake:
    """Says meningioma of everything; can be held, or stopped in its tracks."""

    def __init__(self, held=False):
        self.asked = []
        self.reached, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def predict(self, slices):
        self.reached.set()
        assert self.go.wait(60)
        self.asked.append(len(slices))
        values = np.array([0.05, 0.85, 0.05, 0.05], np.float32)
        return [Prediction("cnn", LABELS, np.log(values), values, 0.7) for _ in slices]


def png(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 30), dtype=np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def sources(count):
    return [Source(f"glioma/{k:03}.png", png(k)) for k in range(count)]


def run(files, predictor, **options):
    job = BatchJob()
    job.start(files, "cnn", LABELS, lambda: predictor, **options)
    job.wait(60)
    return job


def test_one_broken_file_becomes_a_row_and_the_rest_goes_on():
    files = [Source("a.png", png()), Source("b.png", b"words"), Source("c.png", png(1))]
    job = run(files, Fake())
    progress = job.progress()
    assert (progress.state, progress.share, progress.slices, progress.errors) == (
        "finished",
        1.0,
        2,
        1,
    )
    rows = job.rows()
    assert [row.file for row in rows] == ["a.png", "b.png", "c.png"]
    assert "Received: a text file" in rows[1].error
    assert rows[1].prediction is None
    assert rows[1].thumbnail == b""
    assert rows[0].prediction.predicted == "meningioma"
    small = cv2.imdecode(np.frombuffer(rows[0].thumbnail, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert small.shape == (40, 30)


def test_slices_go_through_the_model_in_small_pieces():
    fake = Fake()
    job = run(sources(19), fake)
    assert fake.asked == [8, 8, 3]
    assert all(row.label == "glioma" and row.correct is False for row in job.rows())


def test_a_cancelled_batch_stops_after_its_piece_and_keeps_what_is_done():
    fake = Fake(held=True)
    job = BatchJob()
    job.start(sources(40), "cnn", LABELS, lambda: fake)
    assert fake.reached.wait(60)
    assert job.progress().state == "running"
    job.cancel()
    fake.go.set()
    job.wait(60)
    assert job.progress().state == "cancelled"
    assert fake.asked == [8]
    assert len(job.rows()) == 8
    assert job.progress().share == pytest.approx(8 / 40)
    assert job.progress().left is not None


def test_batches_take_turns_and_a_waiting_one_can_be_cancelled():
    fake, second = Fake(held=True), Fake()
    first, other = BatchJob(), BatchJob()
    first.start(sources(2), "cnn", LABELS, lambda: fake)
    assert fake.reached.wait(60)
    other.start(sources(2), "cnn", LABELS, lambda: second)
    assert other.progress().state == "waiting"
    other.cancel()
    other.wait(60)
    assert other.progress().state == "cancelled"
    assert second.asked == []
    fake.go.set()
    first.wait(60)
    assert first.progress().state == "finished"


def test_a_model_that_is_not_ready_fails_the_batch_with_its_sentence():
    def load():
        raise ModelNotReadyError("Weights match their card. Received: another digest.")

    job = BatchJob()
    job.start(sources(1), "cnn", LABELS, load)
    job.wait(60)
    assert job.progress().state == "failed"
    assert job.progress().error == "Weights match their card. Received: another digest."
    # The next batch gets its turn.
    assert run(sources(1), Fake()).progress().state == "finished"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_is_told_and_does_not_block_the_next_batch():
    class Faulty:
        def predict(self, slices):
            raise ZeroDivisionError

    job = run(sources(1), Faulty())
    assert job.progress().state == "failed"
    assert "a fault in the program" in job.progress().error
    assert run(sources(1), Fake()).progress().state == "finished"


def test_rows_are_bounded_and_the_rest_is_said(monkeypatch):
    monkeypatch.setattr(job_module, "MAX_SLICES", 5)
    job = run(sources(7), Fake())
    assert len(job.rows()) == 5
    assert job.progress().full
    assert job.progress().state == "finished"


def test_too_many_bytes_are_refused_before_anything_starts():
    class Long(bytes):
        def __len__(self):
            return MAX_BYTES

    job = BatchJob()
    with pytest.raises(TooLargeError, match=r"at most 256 MB\. Received: 257 MB"):
        job.start([Source("a", Long()), Source("b", b"x")], "cnn", LABELS, Fake)
    assert job.progress().state == "empty"


def test_a_job_starts_once():
    job = run(sources(1), Fake())
    with pytest.raises(RuntimeError, match="starts once"):
        job.start(sources(1), "cnn", LABELS, Fake)
