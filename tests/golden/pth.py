"""Files of torch.save in the forms that people have, and what is in them: pth/*.pth and pth.safetensors ("<file>/<tensor>" in double where
float does not hold it). PyTorch 2.15.0 wrote the files here. Also reads pth/ours.pth, which the test "a .pth file of ours" compares with what the
library writes, as PyTorch does.

usage: pth.py
"""
import argparse
import collections
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import torch

from fixture import Fixture

here = pathlib.Path(__file__).parent
out = here / "pth"
out.mkdir(exist_ok=True)
expected = Fixture(made_by="tests/golden/pth.py", torch=torch.__version__)


def save(name, value, state_dict, **options):
    torch.save(value, out / name, **options)
    for key, tensor in state_dict.items():
        if torch.is_tensor(tensor) and tensor.layout == torch.strided and tensor.is_floating_point():
            expected.put(f"{name}/{key}", tensor.detach().double())


numbers = torch.arange(24.0).reshape(4, 6) / 4 - 1
kinds = collections.OrderedDict(
    f32=numbers.clone(), f64=numbers.double() / 3, f16=numbers.half() / 3, bf16=numbers.bfloat16() / 3, scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 4), count=torch.tensor(7), mask=torch.tensor([True, False]), wide=torch.arange(300.0).reshape(3, 100) / 7)
save("kinds.pth", kinds, kinds)
save("protocol4.pth", kinds, kinds, pickle_protocol=4)
save("protocol5.pth", kinds, kinds, pickle_protocol=5)
save("weights.v1.2.pth", kinds, kinds)  # "weights.v1.2" is the prefix of its records

cube = torch.arange(48.0).reshape(2, 3, 2, 4)
tied = torch.nn.Parameter(torch.arange(5.0))
views = {
    "whole": numbers, "rows": numbers[1:3], "columns": numbers[:, 2:5], "transposed": numbers.t(), "every_second": numbers.flatten()[::2],
    "expanded": numbers[:1, :3].expand(5, 3), "spread": torch.tensor(3.0).expand(2, 2), "row": numbers[2], "tied_a": tied, "tied_b": tied,
    "channels_last": cube.clone().to(memory_format=torch.channels_last), "permuted": cube.permute(3, 0, 2, 1),
    "half_of_it": (numbers.half() / 3).t(), "nothing": numbers[:, 3:3]}
save("views.pth", views, views)

with_attribute = torch.ones(3)
with_attribute.note = "x"
odd = {"w": torch.nn.Parameter(torch.arange(3.0)), "u16": torch.tensor([0, 1, 2], dtype=torch.uint16), "f8": torch.ones(2).to(torch.float8_e4m3fn),
       "sparse": torch.eye(2).to_sparse(), "complex": torch.ones(2, dtype=torch.complex64), "note": with_attribute, "extra_state": {"a": 1},
       "number": 3}
save("odd.pth", odd, {k: odd[k] for k in ("w", "note")})

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(3, 2)).to(memory_format=torch.channels_last)
optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [1, 2])
net(torch.rand(2, 2, 2, 2)).sum().backward()
optimiser.step()
checkpoint = {
    "optimizer": optimiser.state_dict(), "lr_scheduler": schedule.state_dict(), "args": argparse.Namespace(lr=0.1, path=pathlib.Path("x")),
    "epoch": 3, "best": np.float64(0.5), "seen": collections.Counter("abca"), "rng": torch.get_rng_state(), "history": np.arange(3.0),
    "model": net.state_dict(), "model_ema": {"n_averaged": torch.tensor(4), **{"module." + k: v * 2 for k, v in net.state_dict().items() if v.is_floating_point()}}}
save("checkpoint.pth", checkpoint, net.state_dict())
assert checkpoint["model_ema"].keys() < torch.optim.swa_utils.AveragedModel(net).state_dict().keys()  # as torchvision's references save it
for key, tensor in checkpoint["model_ema"].items():
    if tensor.is_floating_point():
        expected.put(f"checkpoint.pth/model_ema/{key}", tensor)
torch.save({"model": {"state_dict": {"w": torch.ones(2)}, "epoch": 3}}, out / "nested.pth")

torch.serialization.set_crc32_options(False)
save("no_crc.pth", kinds, kinds)
torch.serialization.set_crc32_options(True)

# What is refused.
torch.save({"w": torch.ones(2)}, out / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 1), out / "whole_model.pth")
torch.save({"model": torch.nn.Linear(2, 1), "epoch": 3}, out / "whole_in_dict.pth")
torch.save({"epoch": 3, "nets": {"a": {"w": torch.ones(2)}}}, out / "other_keys.pth")
torch.jit.script(torch.nn.Linear(1, 1)).save(out / "script.pth")
with open(out / "detectron2.pkl", "wb") as file:
    pickle.dump({"model": {"backbone.w": np.ones(2, np.float32)}, "__author__": "x"}, file)


def as_zip64(source, target):
    """The same archive with all sizes and places in the fields that Zip64 has for them."""
    data = source.read_bytes()
    entries = zipfile.ZipFile(source).infolist()
    begin = struct.unpack("<I", data[-6:-2])[0]
    directory = b""
    for e in entries:
        name, extra = e.filename.encode(), struct.pack("<HHQQQ", 1, 24, e.file_size, e.compress_size, e.header_offset)
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 45, 45, e.flag_bits, 0, 0, 33, e.CRC, 2**32 - 1, 2**32 - 1, len(name),
                                 len(extra), 0, 0, 0, 0, 2**32 - 1) + name + extra
    end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, len(entries), len(entries), len(directory), begin)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, begin + len(directory), 1)
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    target.write_bytes(data[:begin] + directory + end + locator + last)
    assert zipfile.ZipFile(target).testzip() is None


as_zip64(out / "views.pth", out / "zip64.pth")
for key, tensor in views.items():
    expected.put(f"zip64.pth/{key}", tensor.detach().double())
torch.load(out / "zip64.pth", weights_only=True)

# What the library wrote.
ours = torch.load(out / "ours.pth", weights_only=True) if (out / "ours.pth").exists() else None
if ours is None:
    print("no pth/ours.pth")
else:
    assert type(ours) is collections.OrderedDict and list(ours) == ["conv.weight", "count", "d", "empty", "scalar"]
    assert torch.equal(ours["conv.weight"], torch.arange(24.0).reshape(2, 3, 2, 2) / 8) and ours["conv.weight"].is_contiguous()
    assert torch.equal(ours["count"], torch.tensor([-1, 2**40])) and torch.equal(ours["d"], torch.tensor([0.1], dtype=torch.float64))
    assert ours["empty"].shape == (0, 3) and ours["scalar"].shape == () and ours["scalar"] == 2
    assert ours.frcnn == {"format": "test 1", "spec": '{"a":"é"}'}
    torch.load(out / "ours.pth", mmap=True)
print(expected.save(here / "pth.safetensors"), "bytes,", len(list(out.iterdir())), "files")
