"""report.html: its numbers are those of metrics.jsonl, of the event files, and of the result files as a few lines of Python judge them."""
import json
import os
import pathlib
import random
import re
import struct
import xml.etree.ElementTree as xml

from common import TINY, bytes_of, check, demo_data, run
from voc_data import png, thing, voc, write


def page_of(path):
    """Heading: the elements below it."""
    found, heading = {}, ""
    for e in xml.fromstring(bytes_of(path)).find("{*}body"):
        heading = e.text if e.tag.endswith("}h2") else heading
        found.setdefault(heading, []).append(e)
    return found


def rows_of(elements):
    return [["".join(c.itertext()) for c in row] for e in elements for row in e.findall(".//{*}tr")]


def charts_of(elements):
    """Title: the texts of the chart, and its lines as points."""
    found = {}
    for e in elements:
        for svg in e.findall(".//{*}svg"):
            texts = ["".join(t.itertext()) for t in svg.findall(".//{*}text")]
            points = [[tuple(map(float, p.split(","))) for p in re.findall(r"[-\d.]+,[-\d.]+", re.sub(r"[ML]? *([-\d.]+)[ ,]+([-\d.]+)", r"\1,\2 ", d))]
                      for d in (path.get("d") for path in svg.findall(".//{*}path"))]
            found[texts[0]] = texts, points
    return found


def scalars_of(folder):
    """(tag, step): value, of TensorBoard's event files."""
    def fields(data):
        at, found = 0, {}
        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
                if byte < 128:
                    return value
        while at < len(data):
            key = varint()
            size = {0: 0, 1: 8, 5: 4}.get(key & 7)
            if size == 0:
                found[key >> 3] = varint()
            else:
                size = varint() if size is None else size
                found[key >> 3], at = data[at : at + size], at + size
        return found

    found = {}
    for file in sorted(pathlib.Path(folder).iterdir()):
        data, at = file.read_bytes(), 0
        while at < len(data):
            length = struct.unpack_from("<Q", data, at)[0]
            event = fields(data[at + 12 : at + 12 + length])
            at += 16 + length
            if 5 in event:
                value = fields(fields(event[5])[1])
                found[value[1].decode(), event.get(2, 0)] = struct.unpack("<f", value[2])[0]
    return found


# A training that is looked at: charts and table are metrics.jsonl's, and so are the event files.
data = demo_data(images=15)
for copy in (data / "JPEGImages/000003.jpg", data / "Annotations/000003.xml"):
    write(copy.with_stem("000002"), copy.read_bytes())  # there twice
result = run("train_voc", "--data", data, *TINY, "--eval-every", "2", "--val", f"{data}:test", "--diagnose-every", "3", "--tensorboard", "--out", "run")
check(result.returncode == 0, result)
lines = [json.loads(line) for line in open("run/metrics.jsonl")]
looks = [line for line in lines if "rpn_positives" in line]
evaluations = [line for line in lines if "val_loss" in line]
check([line["step"] for line in looks] == [3, 6] and [line["step"] for line in evaluations] == [2, 4, 6], lines)
for line in looks:
    check({"images_per_second", "feed_share", "norm_rpn", "head_positives", "proposal_recall"} <= set(line), line)
    check(0 < line["feed_share"] < 1 and line["images_per_second"] > 0, line)
WAITS = "training waits for its images "
check((WAITS in result.stderr) == any(line["feed_share"] > 0.2 for line in looks), looks, result)
page = page_of("run/report.html")
table = {name: cells for name, *cells in rows_of(page["Training"])}
for field in {field for line in lines for field in line} - {"step"}:
    of = [(line[field], line["step"]) for line in lines if line.get(field) is not None]
    least, most = min(of, key=lambda v: v[0]), max(of, key=lambda v: v[0])
    expected = [f"{value:.5g} (step {step})" for value, step in (of[0], least, most, of[-1])]
    check([re.sub(r"e\+?(-?)0?(\d)", r"e\1\2", c) for c in table.get(field, [])] == [re.sub(r"e\+?(-?)0?(\d)", r"e\1\2", c) for c in expected], field, table.get(field), expected)
charts = charts_of(page["Training"])
check(set(charts) == {"Loss", "AP50 on the validation data", "Training losses", "Validation losses"}, set(charts))
check(charts["Loss"][0][-2:] == ["training", "validation"], charts["Loss"][0])
places = []  # of all points of the validation losses: where they are is a linear function of what they are
parts = ["loss", "objectness", "rpn_box", "class", "head_box"]
drawn = [points for points in charts["Validation losses"][1] if len(points) == 3]
check(len(drawn) == 5 and charts["Validation losses"][0][-5:] == parts, charts["Validation losses"])
for part, points in zip(parts, drawn):
    places += [(line["val_" + part], y) for line, (x, y) in zip(evaluations, points)]
    check(abs((points[1][0] - points[0][0]) - (points[2][0] - points[1][0])) < 0.3, points)
(low, bottom), (high, top) = min(places), max(places)
check(bottom - top > 50 and all(abs(bottom + (v - low) / (high - low) * (top - bottom) - y) < 0.5 for v, y in places), places)
events = scalars_of("run/tensorboard")
single = lambda v: struct.unpack("<f", struct.pack("<f", v))[0]
expected = {}
for line in lines:
    for field, value in line.items():
        kind = "diagnostics/" + field if line in looks else "validation/" + field[4:] if line in evaluations else {"loss": "loss/total", "lr": "learning_rate", "gradient_norm": "gradient_norm"}.get(field)
        if field != "step" and kind:
            expected[kind, line["step"]] = single(value)
check(events == expected, set(events) ^ set(expected), events, expected)

# Images that take longer to decode than a step takes: that is said, once.
large = voc("large", {i: thing(box=(100, 100, 1500, 1500)) for i in "abcd"}, test=[])
noise = png([os.urandom(3 * 2400) for _ in range(1800)])
for i in "abcd":
    write(large / f"JPEGImages/{i}.png", noise)
slow = run("train_voc", "--data", large, "--no-test", "--short-side", "32", "--max-side", "64", "--threads", "1", "--iterations", "6",
           "--diagnose-every", "3", "--cache-mb", "0", "--out", "slow")
check(slow.returncode == 0 and len(re.findall(WAITS + r"\d+ % of the time: .*--cache-mb", slow.stderr)) == 1, slow)

# What may be wrong with the data and how anchors fit stand on the page; so do curves of precision at all IoUs.
text = " ".join(" ".join("".join(e.itertext()) for e in page["Data"]).split())
for sentence in (line for line in result.stderr.splitlines() if line.startswith("anchors: ") or line.startswith("  --anchors") or line.startswith("  boxes that no")):
    check(" ".join(sentence.split()) in text, sentence, text)
check("training data: 1 image is there twice: data/JPEGImages/000003.jpg equals data/JPEGImages/000002.jpg" in text, text)
curves = charts_of(page["AP of each class by IoU"])
check(set(curves) == {f"Precision and recall at IoU {n / 100:g}" for n in range(50, 100, 5)}, set(curves))
check({"--test", "--metric"} <= {row[0] for row in rows_of(page["Settings"])}, rows_of(page["Settings"]))

# Detections of which some are right: thresholds, mistakes and what errors cost.
draw = random.Random(7)
CLASSES = ("bolt", "nut", "washer")
truth, found = {}, []  # id: [(class, half-open box)]; [(id, class, score, box)]
for i in range(12):
    truth[f"i{i:02}"] = [(draw.choice(CLASSES), (x, y, x + 20 + draw.randrange(8), y + 16 + draw.randrange(8))) for x in (2, 34, 65) for y in (3, 34)]
for identity, objects in truth.items():
    for name, (x1, y1, x2, y2) in objects:
        for shift in (0.1, 0.2, 0.45)[: draw.randrange(4)]:
            w, h = x2 - x1, y2 - y1
            dx, dy = draw.uniform(-shift, shift) * w, draw.uniform(-shift, shift) * h
            found.append((identity, name if draw.random() < 0.8 else draw.choice(CLASSES), x1 + dx, y1 + dy, x2 + dx, y2 + dy))
    x, y = draw.uniform(0, 60), draw.uniform(0, 30)
    found.append((identity, draw.choice(CLASSES), x, y, x + 9, y + 9))
scores = draw.sample(range(1, 100000), len(found))
found = [(identity, name, score / 100000, tuple(round(v, 3) for v in box)) for score, (identity, name, *box) in zip(scores, found)]
found.sort(key=lambda d: -d[2])
corners = lambda box: (box[0] + 1, box[1] + 1, box[2], box[3])
judged = voc("judged", {i: "".join(thing(name, corners(box)) for name, box in objects) for i, objects in truth.items()})
for name in CLASSES:
    write(f"found/comp4_det_test_{name}.txt", "".join(f"{i} {s:.6f} {' '.join(f'{v:.6f}' for v in corners(b))}\n" for i, n, s, b in found if n == name))
result = run("evaluate", "--results", "found", "--test", judged, "--report", "judged.html")
check(result.returncode == 0, result)
page = page_of("judged.html")


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both, area = max(w, 0) * max(h, 0), lambda r: (r[2] - r[0]) * (r[3] - r[1])
    return both / (area(a) + area(b) - both)


# The threshold lies between the last score that it lets pass and the next, where F1 is the best.
thresholds = {}
for name, *cells in rows_of(page["A score threshold for each class"])[1:]:
    taken, right, best = set(), 0, (0,)
    mine = [d for d in found if d[1] == name]
    for n, (identity, _, score, box) in enumerate(mine, 1):
        overlap, at = max(((iou(o, box), k) for k, (c, o) in enumerate(truth[identity]) if c == name), default=(0, -1))
        right += overlap > 0.5 and (identity, at) not in taken
        taken |= {(identity, at)} if overlap > 0.5 else set()
        precision, recall = right / n, right / sum(c == name for objects in truth.values() for c, _ in objects)
        if right and 2 * precision * recall / (precision + recall) > best[0]:
            best = 2 * precision * recall / (precision + recall), precision, recall, score, mine[n][2] if n < len(mine) else 0
    thresholds[name] = float(cells[0])
    check(best[0] > 0.2 and cells[1:] == [f"{v:.4f}" for v in best[:3]] and best[4] <= thresholds[name] < best[3], name, cells, best)

# Images with the most mistakes at these thresholds: objects are found, then taken for others, then missed.
mistakes = {}
for identity, objects in truth.items():
    has, left, wrong = set(), [], 0
    for _, name, score, box in (d for d in found if d[0] == identity and d[2] > thresholds[d[1]]):
        overlap, at = max(((iou(o, box), k) for k, (c, o) in enumerate(objects) if c == name), default=(0, -1))
        if overlap > 0.5 and at not in has:
            has.add(at)
        else:
            left.append((name, box))
    missed = len(objects) - len(has)
    for name, box in left:
        overlap, at = max(((iou(o, box), k) for k, (c, o) in enumerate(objects) if c != name and k not in has), default=(0, -1))
        wrong += 1
        has |= {at} if overlap > 0.5 else set()
    mistakes[identity] = wrong, missed
worst = sorted((i for i in truth if sum(mistakes[i])), key=lambda i: -sum(mistakes[i]))
captions = [c.text for e in page["The images with the most mistakes"] for c in e.findall(".//{*}figcaption")]
check(captions == ["{}: {} wrong, {} missed".format(i, *mistakes[i]) for i in worst] and len(captions) > 6, captions, mistakes)

# Kinds of errors and their costs, by the definitions at the head of eval/error_kinds.hpp.
objects = {(i, k): name for i, all in truth.items() for k, (name, _) in enumerate(all)}
owner, errors = {}, []  # of an object: the place of its detection; (kind, place, object that is meant)
for place, (identity, name, score, box) in enumerate(found):
    overlaps = [(iou(o, box), (identity, k)) for k, (_, o) in enumerate(truth[identity])]
    same = [(v, o) for v, o in overlaps if objects[o] == name]
    other = [(v, o) for v, o in overlaps if objects[o] != name]
    free = [(v, o) for v, o in same if v >= 0.5 and o not in owner]
    if free:
        owner[max(free)[1]] = place
    elif 0.1 <= max(same, default=(0,))[0] <= 0.5:
        errors.append(("localisation", place, max(same)[1]))
    elif max(other, default=(0,))[0] >= 0.5:
        errors.append(("class", place, max(other)[1]))
    elif max(same, default=(0,))[0] >= 0.5:
        errors.append(("duplicate", place, None))
    else:
        errors.append(("background" if max(overlaps)[0] <= 0.1 else "both", place, None))
meant = {o for kind, _, o in errors if kind in ("localisation", "class")}
missed = [o for o in objects if o not in owner and o not in meant]


def mean_ap(detections, wanted):
    """detections: (class, score, right); wanted: class of each object that counts."""
    total = 0
    for name in CLASSES:
        right, curve, n = 0, [], sum(c == name for c in wanted)
        for rank, (_, _, is_right) in enumerate(sorted((d for d in detections if d[0] == name), key=lambda d: -d[1]), 1):
            right += is_right
            curve.append((right / n, right / rank))
        total += sum(max((p for r, p in curve if r >= k / 100 - 1e-12), default=0) for k in range(101)) / 101
    return total / len(CLASSES)


owners = set(owner.values())
as_found = [(name, score, place in owners) for place, (_, name, score, _) in enumerate(found)]
ap = mean_ap(as_found, objects.values())
rows = {name: cells for name, *cells in rows_of(page["Kinds of errors, and the AP that each costs"])}
for kind in ("class", "localisation", "both", "duplicate", "background"):
    mended, given = {}, set(owner)
    for k, place, o in errors:
        if k == kind:
            mended[place] = objects[o] if o and o not in given else None
            given.add(o)
    kept = [(mended.get(place, d[0]), d[1], d[2] or place in mended) for place, d in enumerate(as_found) if mended.get(place, "") is not None]
    expected = [f"{max(0, mean_ap(kept, objects.values()) - ap):.4f}", str(len(mended))]
    check(rows[kind][:2] == expected and mended, kind, rows[kind], expected)
expected = [f"{max(0, mean_ap(as_found, [c for o, c in objects.items() if o not in missed]) - ap):.4f}", str(len(missed))]
check(rows["missed"][:2] == expected and missed, rows["missed"], expected)
behind = mean_ap([(name, score + right, right) for name, score, right in as_found], objects.values()) - ap
without = mean_ap(as_found, [c for o, c in objects.items() if o in owner]) - ap
check(rows["all wrong detections"][0] == f"{behind:.4f}" and rows["all objects not found"][0] == f"{without:.4f}", rows, behind, without)

# Lines of metrics.jsonl that are no step's are passed over.
charts = pathlib.Path("run/curves.svg").read_text()
with open("run/metrics.jsonl", "a") as file:
    file.write('{"step":"x","loss":1}\n[1]\n')
again = run("train_voc", "--data", data, *TINY, "--eval-every", "2", "--val", f"{data}:test", "--diagnose-every", "3", "--tensorboard", "--out", "run", "--resume")
check(again.returncode == 0 and pathlib.Path("run/curves.svg").read_text() == charts, again)
