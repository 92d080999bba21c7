"""Writes events.1 and events.2 with TensorBoard's own protocol buffers and record writer: what io/event_file.hpp must write, byte for byte.
Then reads them as TensorBoard does: the second run, resumed at step 20, replaces what the first wrote from there on.

usage: events.py        (needs the package tensorboard)
"""
import pathlib
import shutil
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

here = pathlib.Path(__file__).parent


def write(name, events):
    with open(here / name, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def scalar(tag, value, step, seconds):
    return Event(wall_time=seconds, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


start, again = 1700000000.25, 1700000100.5
write("events.1", [Event(wall_time=start, file_version="brain.Event:2")]
      + [scalar(tag, value - step / 64, step, start + step) for step in (0, 10, 20, 300) for tag, value in (("loss/total", 8), ("lr", 0.1))])
write("events.2", [Event(wall_time=again, file_version="brain.Event:2"),
                   Event(wall_time=again, step=20, session_log=SessionLog(status=SessionLog.START)),
                   scalar("loss/total", 1.5, 20, again), scalar("loss/total", 1.25, 2**40, again)])

with tempfile.TemporaryDirectory() as folder:
    for k, seconds in ((1, start), (2, again)):
        shutil.copy(here / f"events.{k}", f"{folder}/events.out.tfevents.{int(seconds)}.frcnn")
    read = EventAccumulator(folder)
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss/total")] == [(0, 8), (10, 8 - 10 / 64), (20, 1.5), (2**40, 1.25)]
    assert [e.step for e in read.Scalars("lr")] == [0, 10]
    assert read.Scalars("lr")[1].wall_time == start + 10
    print("TensorBoard reads both runs as one")
