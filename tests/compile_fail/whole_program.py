"""A whole program with one mistake in it: the compiler says it in a sentence of ours, in fewer than 20 lines.

usage: whole_program.py PROGRAM.cpp -- COMPILER [OPTIONS]

The program is examples/compose.cpp, the page that users copy from. Each mistake is made in its text; what the text was must be there.
What it includes is compiled once, ahead.
"""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from precompiled import precompile

LINES = 20

split = sys.argv.index("--")
(program,) = sys.argv[1:split]
command = sys.argv[split + 1 :]
text = pathlib.Path(program).read_text()

BACKBONE = "using backbone = frcnn::backbone::plain<256, float, frcnn::cpu>;"
GENERATOR = "using generator = frcnn::region_proposal_network<backbone::features_type, convention>;"
POOLER = "using pooler = frcnn::roi::align_pooler<backbone::features_type, convention>;"
HEAD = "using head = frcnn::fast_rcnn_head<backbone::features_type, convention, pooler>;"
MODEL = "using model = frcnn::faster_rcnn<backbone, generator, head>;"


def derived(part, wrong):
    """`using name = base;` as a class of one's own in which a member is wrong."""
    name, base = part.removeprefix("using ").removesuffix(";").split(" = ")
    return f"struct {name} : {base} {{ using base = {base}; using base::base; {wrong} }};"


# what is wrong, {text: what stands there instead}, what the compiler must say
MISTAKES = [
    ("a coder that cannot decode", {" decode(": " decoded("}, "frcnn: the coder of PG does not model BoxCoder"),
    ("a coder that keeps state on the heap", {"struct side_coder {": "struct side_coder {\n  std::vector<float> means;"},
     "frcnn: the coder of PG does not model BoxCoder"),
    ("a coder for the head alone that cannot decode",
     {HEAD: "struct mute {};\nusing muted = frcnn::conventions::with_coder<convention, mute>;\n"
            "using head = frcnn::fast_rcnn_head<backbone::features_type, muted, pooler>;",
      "frcnn::fast_rcnn_options<convention> options": "frcnn::fast_rcnn_options<muted> options"},
     "frcnn: the coder of RH does not model BoxCoder"),
    ("a backbone without backward", {BACKBONE: derived(BACKBONE, "void backward();")}, "frcnn: BB does not model Backbone"),
    ("a generator without loss", {GENERATOR: derived(GENERATOR, "void loss();")}, "frcnn: PG does not model ProposalGenerator<Anchors>"),
    ("a head that cannot infer", {HEAD: derived(HEAD, "void infer();")}, "frcnn: RH does not model RoIHead"),
    ("parts in the wrong order", {MODEL: MODEL.replace("backbone, generator", "generator, backbone")}, "frcnn: BB does not model Backbone"),
    ("another number of channels", {GENERATOR: GENERATOR.replace("backbone::features_type", "frcnn::features<float, frcnn::cpu, 128>")},
     "frcnn: the parts differ in number of channels"),
    ("a backbone in double", {BACKBONE: BACKBONE.replace("float", "double"),
                              GENERATOR: GENERATOR.replace("backbone::features_type", "frcnn::features<float, frcnn::cpu, 256>"),
                              POOLER: POOLER.replace("backbone::features_type", "frcnn::features<float, frcnn::cpu, 256>"),
                              HEAD: HEAD.replace("backbone::features_type", "frcnn::features<float, frcnn::cpu, 256>")},
     "frcnn: the parts differ in scalar"),
    ("a head in double", {POOLER: POOLER.replace("backbone::features_type", "frcnn::features<double, frcnn::cpu, 256>"),
                          HEAD: HEAD.replace("backbone::features_type", "frcnn::features<double, frcnn::cpu, 256>")},
     "frcnn: the parts differ in scalar"),
    ("anchors on two levels", {GENERATOR: GENERATOR.replace("backbone::features_type", "frcnn::features<float, frcnn::cpu, 256, 2>"),
                               "make_anchors<convention, 1>({{24, 48, 96}}, {0.5, 1, 2}), strides)":
                                   "make_anchors<convention, 2>({{24, 48}, {96}}, {0.5, 1, 2}), {16, 32})"},
     "frcnn: the anchor scheme and the backbone differ in number of levels"),
]

with tempfile.TemporaryDirectory() as folder:
    command += precompile(command, "".join(line + "\n" for line in text.splitlines() if line.startswith("#include <")), folder)
    source = pathlib.Path(folder) / "program.cpp"

    def compile(changed):
        source.write_text(changed)
        return subprocess.run([*command, str(source)], capture_output=True, text=True)

    bad = 0
    right = compile(text)
    if right.returncode:
        bad += 1
        print(f"{program} itself does not compile:\n{right.stderr}")
    for what, changes, sentence in MISTAKES:
        changed, problems = text, []
        for old, new in changes.items():
            if old not in changed:
                problems.append(f"{program} does not hold '{old}'")
            changed = changed.replace(old, new)
        done = compile(changed)
        lines = len(done.stderr.splitlines())
        if done.returncode == 0:
            problems.append("it compiles")
        if sentence not in done.stderr:
            problems.append(f"the compiler does not say: {sentence}")
        if lines >= LINES:
            problems.append(f"the compiler says it in {lines} lines, {LINES - 1} are the most")
        print(f"{what}: {lines} lines")
        if problems:
            bad += 1
            print(*problems, done.stderr, sep="\n")
print(f"{len(MISTAKES) + 1 - bad} of {len(MISTAKES) + 1} programs are as expected")
sys.exit(bad != 0)
