"""Data as people have it: each folder has one oddity, which is read, warned of with its count, or refused in a sentence that says what to do."""
import gzip
import pathlib
import shutil

from common import check, refused, run
from voc_data import BOX, bmp, folder, note, png, rows, thing, write

TINY = ["--iterations", "1", "--short-side", "64", "--max-side", "128", "--roi-batch", "16", "--threads", "1"]


def train(data, *more):
    shutil.rmtree("out", ignore_errors=True)
    return run("train_voc", "--data", data, *TINY, "--out", "out", *more)


def trained(result, *words):
    """It ends well, and stderr holds all words."""
    check(result.returncode == 0, result)
    for word in words:
        check(word in result.stderr, f"missing: {word}", result)
    return result


def read(data, *words, more=()):
    return trained(train(data, "--no-test", *more), *words)


def all_read(roots, *words):
    """Folders of three images, in one run."""
    shutil.rmtree("out", ignore_errors=True)
    result = run("train_voc", *(option for root in roots for option in ("--data", root)), *TINY, "--no-test", "--out", "out")
    return trained(result, f"training data: {3 * len(roots)} of {3 * len(roots)} images checked", *words)


def not_read(data, *words, more=()):
    result = train(data, "--no-test", *more)
    refused(result, *words)
    return result


def warned(result, *words):
    """Exactly one warning holds all words."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("warning: ") and all(w in line for w in words)]
    check(len(lines) == 1, words, result)


# The summary and the shared images of plain data.
result = trained(train(folder("plain")), "test data: 3 of its 3 images are training images")
summary = result.stderr[result.stderr.index("training      test") :].splitlines()
check([line.split() for line in summary[1:6]] == [["images", "3", "3"], ["without", "objects", "0", "0"], ["objects", "3", "3"],
                                                   ["difficult", "0", "0"], ["thing", "3", "3"]], result)
check("smallest" in summary[7] and "96 x 64" in summary[7], result)
check("training data: 3 of 3 images checked" in result.stderr and "test data: 3 of 3 images checked" in result.stderr, result)

# Ids.
all_read([folder("blanks", ("shot (1)", "shot (2)", "shot 3")), folder("folders", ("day1/a", "day1/b", "day2/a")),
          folder("extension", split="a.png 1\nb.png -1\nc.png  1\n"), folder("paths", split="JPEGImages/a.png\n./JPEGImages/b.png\nJPEGImages\\c.png\n"),
          folder("utf16", split="a\r\nb\r\nc\r\n".encode("utf-16"))])
check("'a\\x0Ab' as a%0Ab" in trained(run("train_voc", "--data", folder("line_end", ("a\nb", "c"), lists=()).name + ":all", "--test", "line_end:all", *TINY,
                                             "--out", "lines")).stderr, "an id of two lines in one")
d = folder("first_word", ("photo", "other"), split="photo (2)\nother\n")
not_read(d, "photo (2)")
write(d / "JPEGImages/photo (2).bmp", bmp())
write(d / "Annotations/photo (2).xml", note(thing("second")))
check("second" in read(d).stderr, "photo (2).bmp was not read")
not_read(folder("outside", split="a\n../folders/JPEGImages/day1/a\n"), "../folders")

# Two files for one id, or one split: the extension in lower case is read, and the others are counted.
d = folder("two_files")
for name in "ab":
    write(d / f"Annotations/{name}.XML", note(thing("wrong")))
    write(d / f"JPEGImages/{name}.PNG", b"no image")
write(d / "ImageSets/Main/trainval.TXT", "nowhere\n")
result = read(d)
warned(result, "training data: 2 ids have several annotations, of which one is read", "Annotations/a.xml")
warned(result, "training data: 2 ids have several images, of which one is read", "JPEGImages/a.png")
warned(result, "training data: 1 split has several lists, of which one is read", "Main/trainval.txt")
check("wrong" not in result.stderr, result)

# Lists that are no text.
for contents, words in ((gzip.compress(b"a\nb\n"), "a file packed by gzip"), (b"a\nb" + bytes(4000), "control characters, '"), (bytes(4000), "zeros where it begins")):
    result = not_read(folder("no_list", split=contents), "trainval.txt", "expected a text with an image id per line, found", words)
    write("names.txt", contents)
    result = not_read(folder("no_names"), "names.txt", "expected class names, one per line, found", words, more=("--classes", "names.txt"))
    check(all(len(line) < 300 and line.isprintable() for line in result.stderr.splitlines()), "no excerpt", result)

# Layouts.
places = ("images", "Annotations"), ("Images", "annots"), ("JPEGImgs", "annotations"), ("JPEGImages", "annotations/xmls"), ("images", "images"), ("", "")
layouts = [folder(f"layout{i}", images=images, annotations=annotations) for i, (images, annotations) in enumerate(places)]
d = folder("upper_case")
for name in "abc":
    (d / f"Annotations/{name}.xml").rename(d / f"Annotations/{name}.XML")
folder("above/VOC2007")
all_read([*layouts, d, "above", folder("bmp", extension=".bmp", image=bmp)], "above/VOC2007")
folder("above/VOC2012")
not_read("above", "above/VOC2007", "above/VOC2012")
for extension, start in ((".gif", b"GIF89a"), (".webp", b"RIFF\0\0\0\0WEBP")):
    result = not_read(folder("other_format", extension=extension, image=lambda: start + bytes(80)), "3 that end in " + extension, "convert them")
    check(result.stderr.count("error: ") == 1 and result.stderr.count(extension) < 4, result)
not_read(folder("disguised", extension=".jpg", image=lambda: b"RIFF\0\0\0\0WEBP" + bytes(80)), "a WebP")
many = [str(i) for i in range(3133)]
d = folder("many", many[:1], split="".join(i + "\n" for i in many))
shutil.rmtree(d / "JPEGImages")
result = not_read(d, "JPEGImages", "'Annotations', 'ImageSets'")
check(len(result.stderr.splitlines()) == 1, result)
write(d / "JPEGImages/0.png", png())
result = not_read(d, "and 3122 more: expected an image, found no such file", "--skip-bad leaves out")
check(len(result.stderr.splitlines()) < 30, result)

# Without lists.
d = folder("no_lists", lists=())
refused(train(d), "--split 0.8", "no_lists:all")
tiny = train(d, "--split", "0.001")
check("1 of its 3 images is taken, by a hash of its id (from 0 to 0.001; each part has one image at least)" in tiny.stderr, tiny)
result = trained(train(d, "--split", "0.8"), "no lists there", "by a hash of their ids")
check("(from 0 to 0.8; " in result.stderr and "(from 0.8 to 1; " in result.stderr, result)
counts = next(line.split() for line in result.stderr.splitlines() if line.startswith("images "))
check(int(counts[1]) + int(counts[2]) == 3 and "0" not in counts, result)
evaluated = run("evaluate", "--model", "out/model.safetensors", "--test", d, "--split", "0.8")
check(evaluated.returncode == 0 and evaluated.stdout.splitlines()[-1] == result.stdout.splitlines()[-1], evaluated, result)
evaluated = run("evaluate", "--results", "out/results", "--test", d, "--split", "0.8")
check(evaluated.returncode == 0 and evaluated.stdout.splitlines()[-1] == result.stdout.splitlines()[-1], evaluated, result)
trained(run("train_voc", "--data", "no_lists:all", "--test", "no_lists:all", *TINY, "--out", "all"))
for bad in ("0", "1", "1.5", "nan", "-0.2", "x"):
    check(train(d, "--split", bad).returncode == 1, bad)
check(train(d, "--split", "0.5", "--test", d).returncode == 1, "--split with --test")

# XML.
not_read(folder("before_root", xml=thing() + "\n" + thing() + note(thing())), "a.xml:1", "<object> before the root")
not_read(folder("after_root", xml=note(thing()) + "\nrest"), "a.xml:2", "text after the root")
not_read(folder("two_roots", xml=note(thing()) + "\n" + note(thing())), "a.xml:2", "<annotation> after the root")
declared = ('<?xml version="1.0" encoding="windows-1251"?>' + note(thing("кот"))).encode("cp1251")
result = all_read([folder("comment", xml=note(thing("ca<!-- c -->t"))), folder("entity", xml="<!DOCTYPE annotation [<!ENTITY c 'cow'>]>" + note(thing("&c;"))),
                   folder("declared", xml=declared)])
summary = [line.split()[:2] for line in result.stderr.splitlines()]
check(all([name, "3"] in summary for name in ("cat", "cow", "кот")), "a name behind a comment, an entity, in a declared encoding", result)
not_read(folder("undeclared", xml=note(thing("Äpfel")).encode("latin1")), "Annotations/a.xml:1", "UTF-8")
not_read(folder("prefix", xml=note(thing()).replace("bndbox>", "v:bndbox>").replace("object>", "v:object>")), "a.xml:1", "<v:bndbox> in <v:object>")
not_read(folder("in_text", xml=note(thing(), "<![CDATA[" + thing() + "]]>")), "a.xml:1", "found one in text, in CDATA or behind &lt;")
rotated = "<object><type>robndbox</type><name>ship</name><robndbox><cx>40</cx><cy>32</cy><w>40</w><h>30</h><angle>0.3</angle></robndbox></object>"
not_read(folder("rotated", xml=note(rotated)), "rotated boxes and polygons are not supported", "<robndbox>")

for packed in (gzip.compress(note(thing()).encode()), b"\xff\xfe" + note(thing()).encode("utf-16-le")[:-1]):
    result = not_read(folder("packed", xml=packed), "a.xml", "packed by gzip" if packed[0] == 31 else "UTF-16")
    check(all(len(line) < 300 and line.isprintable() for line in result.stderr.splitlines()), "no excerpt", result)
long_number = "9" * 5000 + "x"
result = not_read(folder("long_number", xml=note(thing(box=(long_number, 1, 9, 9)))), "expected a number in <xmin>, found '999", "...'")
check(all(len(line) < 300 for line in result.stderr.splitlines()), "a long excerpt", result)
for flag in ("difficult", "truncated", "pose"):
    not_read(folder("flags", xml=note(thing(extra=f"<{flag}>0</{flag}><{flag}>1</{flag}>"))), "a.xml, object 1", f"one <{flag}>", "several, '0' and '1'")
all_read([folder("twice_" + flag, xml=note(thing(extra=f"<{flag}>0</{flag}><{flag}>0</{flag}>"))) for flag in ("difficult", "truncated", "pose")])

# Boxes.
not_read(folder("all_difficult", xml=note(thing(extra="<difficult>1</difficult>"))), "not difficult", "all 3")
hard = folder("hard", xml=note(thing(extra="<difficult>1</difficult>")))
not_read(hard, "not difficult", "all 3", more=("--difficult", "ignore"))
read(hard, more=("--difficult", "keep"))
model = pathlib.Path("out/model.safetensors").read_bytes()
read(folder("easy", xml=note(thing())))
check(pathlib.Path("out/model.safetensors").read_bytes() == model, "a difficult object that is kept is one like others")
some = folder("some", xml=note(thing(), thing(box=(5, 5, 40, 30), extra="<difficult>1</difficult>")))
read(some, more=("--difficult", "ignore"))
model = pathlib.Path("out/model.safetensors").read_bytes()
again = ["train_voc", "--data", some, *TINY, "--iterations", "1", "--out", "out", "--no-test", "--resume"]
refused(run(*again), "--difficult ignore", "--difficult not given")
refused(run(*again, "--difficult", "keep"), "--difficult ignore", "--difficult keep")
read(some)
check(pathlib.Path("out/model.safetensors").read_bytes() != model, "dropped, it is background")
not_read(folder("fractions", xml=note(thing(box=(0.21, 0.25, 0.62, 0.75)))), "coordinates in pixels", "all 3 boxes lie in 0..1")
result = not_read(folder("swapped", xml=note(thing(box=(60, 48, 21, 17)))), "at least one object that can be used", "none among the 3")
warned(result, "training data: 3 boxes", "corners swapped", "a.xml, object 1")
check(result.stderr.index("warning: ") < result.stderr.index("error: "), result)
warned(read(folder("zero_based", xml=note(thing(box=(0, 0, 60, 48))))), "training data: 3 boxes begin at 0", "a.xml, object 1")
plain = read(folder("counted", xml=note(thing()))) and pathlib.Path("out/model.safetensors").read_bytes()
for origin, box in (("zero", (20, 16, 60, 48)), ("zero-inclusive", (20, 16, 59, 47)), ("auto", BOX)):  # BOX in other numbers
    counted = read(folder("counted", xml=note(thing(box=box))), more=("--origin", origin))
    check(pathlib.Path("out/model.safetensors").read_bytes() == plain, origin, counted)
check("counted/Annotations: coordinates are read as --origin voc has them" in counted.stderr, counted)
refused(run("train_voc", "--data", "counted", *TINY, "--out", "out", "--no-test", "--resume"), "--origin")
warned(read(folder("counted", xml=note(thing(box=(1, 1, 60, 48)))), more=("--origin", "zero")), "as --origin voc reads them")
d = folder("without")
(d / "Annotations/b.xml").unlink()
warned(not_read(d, "Annotations/b.xml", "nothing at that place") and read(d, more=("--missing-xml", "empty")), "1 image has no annotation", "b.png")
warned(read(folder("border", xml=note(thing(box=(50, 30, 190, 120))))), "training data: 3 boxes lose more than a tenth", "a.xml, object 1")
check("warning" not in read(folder("nearly", xml=note(thing(box=(2, 2, 97, 65))))).stderr, "a box that loses little")

# Classes.
warned(read(folder("case", xml=note(thing("Dog"), thing("dog")))), "'Dog', 'dog'")
d = folder("rare", ("a", "b", "c", "z"))
write(d / "Annotations/z.xml", note(thing("rare")))
write(d / "ImageSets/Main/trainval.txt", "a\nb\nc\n")
warned(trained(train(d)), "test data: 1 object of a class that is not asked for", "rare 1", "z.xml")
d = folder("classes", xml=note(thing("cat"), thing("dog"), thing("cow")))
result = read(d, more=["--classes", "cow,cat,emu"])
warned(result, "training data: 3 objects of classes that are not asked for", "dog 3", "a.xml")
warned(result, "1 class has no object: 'emu'")
not_read(d, "objects of the classes emu", "cat 3, cow 3, dog 3", more=["--classes", "emu"])
# ... a name with a comma is one name in a file, and two on the command line, which is seen in what is said
d = folder("comma", xml=note(thing("bus, red")))
not_read(d, "objects of the classes bus, red, found none; there are 'bus, red' 3", more=["--classes", "bus, red"])
write("comma.txt", "bus, red\n")
check("left out" not in read(d, more=["--classes", "comma.txt"]).stderr, "a file of names, one a line")

# Names that look alike: each a class of its own, and said.
for one, other, shown in (("traffic light", "traffic\u00a0light", "'traffic light', 'traffic\\u00A0light'"),
                          ("caf\u00e9", "cafe\u0301", "'cafe\\u0301', 'caf\\u00E9'"), ("cat", "c\u0430t", "'cat', 'c\\u0430t'")):
    warned(read(folder("alike", xml=note(thing(one), thing(other)))), "training data: 1 class name looks like another", shown)
warned(read(folder("other_case", xml=note(thing("\u00c4pfel"), thing("\u00e4pfel")))), "upper and lower case only")
result = not_read(folder("not_asked", xml=note(thing("caf\u00e9"))), "objects of the classes cafe\u0301", more=["--classes", "cafe\u0301"])
warned(result, "looks like another", "'cafe\\u0301', 'caf\\u00E9'")
for missing in ("missing.txt", "classes.names", "alike/classes"):
    not_read("alike", missing + ": expected class names separated by commas, or a file of them, found no file", more=["--classes", missing])

# What is there instead of a file.
d = folder("normal_forms", ("cafe\u0301", "b"), split="caf\u00e9\nb\n")
not_read(d, "'cafe\\u0301.png', in another Unicode normal form (NFC, NFD)", "'cafe\\u0301.xml', in another")
not_read(folder("latin_list", split="a\nb\ncaf\u00e9\n".encode("latin1")), "trainval.txt:3: expected a list in UTF-8", "'caf\\xE9'", "iconv")
d = folder("links")
(d / "JPEGImages/b.png").unlink()
(d / "JPEGImages/b.png").symlink_to("../gone.png")
(d / "JPEGImages/c.png").unlink()
(d / "JPEGImages/c.png").mkdir()
not_read(d, "'b.png', a symbolic link to '../gone.png', where nothing is", "'c.png', a folder")
warned(read(d, more=["--skip-bad", "--batch", "1"]), "training data: 2 bad images are left out")
shutil.rmtree(d / "JPEGImages")
(d / "JPEGImages").symlink_to("/not/mounted")
not_read(d, "'JPEGImages' (a symbolic link to '/not/mounted', where nothing is)")
refused(train("nowhere"), "no folder there")
refused(train("links/JPEGImages"), "a symbolic link to '/not/mounted', where nothing is")

# Lists of other names.
d = folder("other_lists", lists=("train", "valid", "test"))
refused(train(d), "only these: train, test, valid (other_lists:train is one; other_lists:all is all 3 images")
refused(train(d, "--split", "0.8"), "--split divides the images of one list: other_lists:train, say, or other_lists:all is all 3 images")
for works in ("other_lists:train", "other_lists:all"):
    trained(train(works, "--split", "0.8"))
d = folder("class_lists", lists=("thing_train", "thing_val"), split="a 1\nb -1\nc  0\n")
refused(train(d, "--split", "0.8"), "only lists of classes, each of which names all images of its split: thing_train, thing_val", "class_lists:all")
trained(train("class_lists:thing_train", "--split", "0.8"))

# A line instead of a box, and a click.
warned(read(folder("line", xml=note(thing(box=(21, 17, 21, 48))))), "training data: 3 boxes are one pixel wide or high", "a.xml, object 1")
not_read(folder("click", xml=note(thing(box=(21, 17, 21, 17)))), "at least one object that can be used", "none among the 3")

# Missing annotations.
d = folder("xml_missing")
(d / "Annotations/b.xml").unlink()
not_read(d, "Annotations/b.xml", "--skip-bad")
warned(read(d, more=["--skip-bad"]), "training data: 1 image without an annotation is left out", "b.png")
