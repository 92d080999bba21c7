"""Files of Caffe in the forms that people have, written from the public field numbers (BVLC/caffe, src/caffe/proto/caffe.proto; for `half`
opencv/opencv, modules/dnn/src/caffe/opencv-caffe.proto), and what is in them: caffemodel/*.caffemodel and caffemodel.safetensors.

    NetParameter        name 1, layers (old) 2, layer 100
    LayerParameter      name 1, type 2, blobs 7, inner_product_param 117        V1LayerParameter   name 4, type 5, blobs 6
    BlobProto           num, channels, height, width 1 to 4, data 5, diff 6, shape 7 (dim 1), double_data 8, raw_data_type 10, raw_data 12

usage: caffemodel.py            and, for parity tests: from caffemodel import net, layer, blob, packed
"""
import pathlib
import struct

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(n):
    n &= 2**64 - 1
    text = b""
    while n > 127:
        text += bytes([n & 127 | 128])
        n >>= 7
    return text + bytes([n])


def field(number, wire, value):
    key = varint(number << 3 | wire)
    if wire == VARINT:
        return key + varint(value)
    return key + (varint(len(value)) if wire == BYTES else b"") + value


def shape(dims, packed=True):
    return field(7, BYTES, field(1, BYTES, b"".join(map(varint, dims))) if packed else b"".join(field(1, VARINT, d) for d in dims))


def old_shape(dims):
    return b"".join(field(1 + i, VARINT, d) for i, d in enumerate(dims))


def packed(a, number=5):
    return field(number, BYTES, a.tobytes())


def unpacked(a, number=5):
    return b"".join(field(number, FIXED32 if a.itemsize == 4 else FIXED64, v.tobytes()) for v in a.ravel())


def blob(a):
    return shape(a.shape) + packed(a.astype(np.float32))


def old_blob(a):
    return old_shape((1, 1, 1, *a.shape)[-4:]) + packed(a.astype(np.float32))


def layer(name, kind, *blobs, more=b""):
    return field(100, BYTES, field(1, BYTES, name.encode()) + field(2, BYTES, kind.encode()) + b"".join(field(7, BYTES, b) for b in blobs) + more)


def old_layer(name, kind, *blobs):  # kinds: 4 convolution, 14 inner product
    return field(2, BYTES, b"".join(field(6, BYTES, b) for b in blobs) + field(4, BYTES, name.encode()) + field(5, VARINT, kind))


def net(*layers, name="net"):
    return field(1, BYTES, name.encode()) + b"".join(layers)


def main():
    from fixture import Fixture

    here = pathlib.Path(__file__).parent
    out = here / "caffemodel"
    out.mkdir(exist_ok=True)
    expected = Fixture(made_by="tests/golden/caffemodel.py")

    def write(name, data, **tensors):
        (out / name).write_bytes(data)
        for key, value in tensors.items():
            expected.put(f"{name}/{key.replace('__', '.')}", value)

    conv, fc, bias = (np.arange(n, dtype=np.float32) / 8 - 1 for n in (24, 12, 2))
    conv, fc = conv.reshape(2, 3, 2, 2), fc.reshape(2, 6)
    doubles = np.arange(5) / 3
    half = (np.arange(8) / 3).astype(np.float16).reshape(2, 4)
    write("new.caffemodel",
          net(layer("data", "Input"), layer("conv", "Convolution", blob(conv), blob(bias)),
              layer("fc", "InnerProduct", blob(fc), blob(bias)),
              layer("split", "InnerProduct", shape((2, 6), packed=False) + packed(fc[:1]) + packed(fc[1, :1]) + packed(fc[1, 1:])),
              layer("unpacked", "InnerProduct", unpacked(fc) + shape((2, 6))),
              layer("mixed", "InnerProduct", packed(fc[:1]) + unpacked(fc[1, :4]) + shape((2, 6)) + packed(fc[1, 4:])),
              layer("doubles", "Scale", shape((5,)) + packed(doubles, 8), shape((5,)) + unpacked(doubles, 8)),
              layer("half", "InnerProduct", shape((2, 4)) + field(10, VARINT, 2) + field(12, BYTES, half.tobytes())),
              layer("with_diff", "Scale", blob(bias) + field(6, BYTES, (bias * 100).tobytes())),
              layer("old_shape", "InnerProduct", old_blob(fc), old_blob(bias)),
              layer("one_by_one", "Convolution", blob(np.ones((1, 1, 2, 2), np.float32))),
              layer("shared", "Convolution", shape((2, 3, 2, 2)), blob(bias)),
              layer("conv", "Convolution", blob(conv * 0), blob(bias * 0)), layer("none", "InnerProduct"), layer("none", "InnerProduct", blob(fc)),
              field(7, VARINT, 1)),
          conv__weight=conv, conv__bias=bias, fc__weight=fc, fc__bias=bias, split__weight=fc, unpacked__weight=fc, mixed__weight=fc,
          doubles__weight=doubles, doubles__bias=doubles, half__weight=half.astype(np.float32), with_diff__weight=bias, old_shape__weight=fc,
          old_shape__bias=bias, one_by_one__weight=np.ones((1, 1, 2, 2), np.float32), shared__bias=bias, none__weight=fc)
    write("old.caffemodel",
          net(old_layer("conv1_1", 4, old_blob(conv), old_blob(bias)), old_layer("relu", 18), old_layer("fc6", 14, old_blob(fc), old_blob(bias)),
              layer("conv1_1", "Convolution", blob(conv * 0))),
          conv1_1__weight=conv, conv1_1__bias=bias, fc6__weight=fc, fc6__bias=bias)
    write("transposed.caffemodel", net(layer("fc", "InnerProduct", blob(fc), more=field(117, BYTES, field(6, VARINT, 1)))))
    write("too_few.caffemodel", net(layer("fc", "InnerProduct", shape((2, 7)) + packed(fc))))
    write("no_blobs.caffemodel", net(layer("fc", "InnerProduct")))
    print(expected.save(here / "caffemodel.safetensors"), "bytes")


if __name__ == "__main__":
    main()
