"""scripts/get_weights and get_voc, with files for addresses: what is downloaded, gone on with, left alone, refused."""
import hashlib
import os
import pathlib
import subprocess
import tarfile

from common import check

TOP = pathlib.Path(__file__).resolve().parents[2]

here = pathlib.Path.cwd()
weights = here / "net-0123.pth"
weights.write_bytes(bytes(range(256)) * 1000)
(here / "VOCdevkit/VOC2007/JPEGImages").mkdir(parents=True)
(here / "VOCdevkit/VOC2007/JPEGImages/000001.jpg").write_bytes(b"jpeg")
with tarfile.open(here / "voc.tar", "w") as tar:
    tar.add("VOCdevkit")
right = hashlib.sha256(weights.read_bytes()).hexdigest()[:8]
table = here / "table.tsv"
table.write_text(f"# comment\nnet\tsha256\t{right}\tfile://{weights}\ta network\nbad\tsha256\t00000000\tfile://{weights}\tanother\n"
                 f"voc2007\tmd5\t{hashlib.md5((here / 'voc.tar').read_bytes()).hexdigest()}\tfile://{here}/voc.tar\tdata\n")


def script(name, *arguments):
    return subprocess.run([TOP / "scripts" / name, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, "FRCNN_DOWNLOADS": str(table)})


listed = script("get_weights")
check(listed.returncode == 0 and listed.stdout.split("\n")[0].split() == ["net", "a", "network"] and "voc" not in listed.stdout, listed)
first = script("get_weights", "--to", "w", "net")
got = here / "w/net-0123.pth"
check(first.returncode == 0 and first.stdout == "w/net-0123.pth\n" and got.read_bytes() == weights.read_bytes(), first)
again = script("get_weights", "--to", "w", "net")
check(again.returncode == 0 and "file://" not in again.stderr, "what is there is not downloaded again")
got.rename(str(got) + ".part")
with open(str(got) + ".part", "r+b") as part:
    part.truncate(1000)
went_on = script("get_weights", "--to", "w", "net")
check(went_on.returncode == 0 and got.read_bytes() == weights.read_bytes(), went_on)
bad = script("get_weights", "--to", "b", "bad")
check(bad.returncode == 1 and "expected a file whose sha256 begins with 00000000, found " + right in bad.stderr and not list((here / "b").iterdir()), bad)
none = script("get_weights", "--to", "b", "none")
check(none.returncode == 1 and "none: expected one of bad net voc2007, found none of that name" in none.stderr, none)
voc = script("get_voc", 2007, "d")
check(voc.returncode == 0 and voc.stdout == "d/VOCdevkit/VOC2007\n" and (here / "d/VOCdevkit/VOC2007/JPEGImages/000001.jpg").read_bytes() == b"jpeg", voc)
