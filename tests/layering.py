"""Includes point one way, and third-party headers stay in the folders made for them.

usage: layering.py INCLUDE_DIR

    core <- geometry <- ops <- nn <- backbone, rpn, roi <- detector <- train <- presets
    concepts stand on core and geometry; backend/<name> implements ops
    compress stands on detector; distributed on core and concepts
    data, io, eval, viz stand on core and geometry; data may use concepts/data_source.hpp and ops/resize.hpp; data, eval and viz may use
    the headers of io about files as such (reading, atomic writing, names, foreign formats, checksums), data and eval what COCO files say
    each namespace of ours stands between FRCNN_HIDDEN_BEGIN and FRCNN_HIDDEN_END, and is of one of two kinds (config.hpp): a header opens
    frcnn::inline FRCNN_ABI or frcnn::inline FRCNN_VOCABULARY, and not both; one of the vocabulary includes no header of ours that is not
    an umbrella brings, through all it includes, the libraries of its component and no others
    a header that needs the CUDA toolkit is a .cuh of backend/cuda; a .hpp compiles without it
    a function of CUDA's libraries is called through call() (backend/cuda/status.cuh), which asks whether it may be made now, or in a
    destructor; those called otherwise are listed, with the reason
    each header of core has its unit test, tests/unit/core/<name>.cpp: everything stands on it
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])

# folder: the folders it may include besides itself. Headers directly in frcnn/ are "": config and version below all, umbrellas above all.
BASE = {"core"}
VALUES = BASE | {"geometry"}
OPS = VALUES | {"concepts", "ops"}
PARTS = OPS | {"nn"}
DETECTOR = PARTS | {"backbone", "rpn", "roi"}
MAY_INCLUDE = {
    "core": set(),
    "geometry": BASE,
    "concepts": VALUES,
    "ops": VALUES | {"concepts"},
    "backend": OPS,
    "nn": OPS,
    "backbone": PARTS,
    "rpn": PARTS,
    "roi": PARTS,
    "data": VALUES,
    "io": VALUES,
    "eval": VALUES,
    "viz": VALUES,
    "detector": DETECTOR | {"io"},
    "compress": DETECTOR | {"detector"},
    "distributed": BASE | {"concepts"},
    "train": DETECTOR | {"detector", "data", "io", "eval", "viz"},
    "presets": DETECTOR | {"detector", "train", "io"},
    "testing": DETECTOR | {"detector", "train", "io"},
}
# single headers allowed across a border
ALSO = {
    "data": {"frcnn/concepts/data_source.hpp", "frcnn/ops/resize.hpp", "frcnn/io/atomic_file.hpp", "frcnn/io/coco_json.hpp", "frcnn/io/coco_records.hpp", "frcnn/io/crc32c.hpp", "frcnn/io/descriptor.hpp", "frcnn/io/encoding.hpp", "frcnn/io/entries.hpp", "frcnn/io/folder.hpp", "frcnn/io/new_folder.hpp", "frcnn/io/foreign_file.hpp", "frcnn/io/read_file.hpp", "frcnn/io/text_file.hpp"},
    "eval": {"frcnn/io/atomic_file.hpp", "frcnn/io/coco_records.hpp", "frcnn/io/descriptor.hpp", "frcnn/io/entries.hpp", "frcnn/io/file_name.hpp", "frcnn/io/folder.hpp", "frcnn/io/read_file.hpp", "frcnn/io/text_file.hpp"},
    "viz": {"frcnn/io/atomic_file.hpp"},
    "distributed": {"frcnn/io/descriptor.hpp"},
    # load_detector: a file becomes a detector of one device; what a compiled library holds
    "presets": {"frcnn/backend/cpu.hpp", "frcnn/backend/cpu/options.hpp", "frcnn/backend/cuda/options.hpp", "frcnn/backend/cuda.cuh", "frcnn/backend/cuda/graphs.cuh"},
}
GROUND = {"frcnn/config.hpp", "frcnn/instruction_set.hpp", "frcnn/version.hpp", "frcnn/fwd.hpp"}
# third-party: the paths below frcnn/ that may name it
THIRD_PARTY = {
    "xtensor": ("backend/cpu/",),
    "xtensor-blas": ("backend/cpu/", "compress/"),
    "xflens": ("backend/cpu/", "compress/"),
    "cblas": ("backend/cpu/",),
    "dnnl": ("backend/cpu/onednn/library.hpp",),
    "xsimd": ("backend/cpu/",),
    "omp": ("backend/cpu/", "core/openmp_threads.hpp"),
    "cuda": ("backend/cuda/",),
    "cuda_runtime": ("backend/cuda/",),
    "cuda_runtime_api": ("backend/cuda/",),
    "cudnn": ("backend/cuda/",),
    "cublasLt": ("backend/cuda/",),
    "nccl": ("backend/cuda/nccl.cuh",),
    "pugixml": ("data/",),
    "stb": ("data/", "viz/"),
    "jpeglib": ("data/jpeg.hpp",),
    "jerror": ("data/jpeg.hpp",),
    "tiffio": ("data/tiff.hpp",),
    "protozero": ("io/caffemodel.hpp",),
    "simdjson": ("io/coco_json.hpp", "io/coco_parser.hpp"),
    "mpi": ("distributed/mpi_processes.hpp",),
    "nlohmann": ("io/", "detector/", "train/", "presets/"),
}
CUDA = {"cuda", "cuda_runtime", "cuda_runtime_api", "cudnn", "cublasLt", "nccl"}
CORE = {"xtensor", "xtensor-blas", "xflens", "cblas", "dnnl", "xsimd", "omp"}
UMBRELLAS = {"frcnn": set(), "load": {"nlohmann"}, "load_detector": {"nlohmann"}, "read_image": {"stb", "jpeglib", "jerror", "tiffio"}, "data": {"pugixml", "stb", "jpeglib", "jerror", "tiffio"}, "io": {"nlohmann", "protozero"}, "coco": {"simdjson", "pugixml", "stb", "jpeglib", "jerror", "tiffio"}, "eval": set(), "viz": {"stb"}, "compress": set(), "mpi": {"mpi"}}
SYSTEM = {"sys", "arpa", "net", "netinet"}  # folders of POSIX
FORBIDDEN = {"fmt", "CLI", "CLI11", "doctest", "benchmark", "boost"}  # programs' and tests' libraries
# functions of CUDA's libraries that are called without being asked for: everywhere, or in one header
UNASKED = {
    "": {
        # say what went wrong
        "cudaGetErrorName", "cudaGetErrorString", "cudaGetLastError", "cudnnGetErrorString", "cublasLtGetStatusString", "ncclGetErrorString", "ncclGetLastError",
        # neither queue nor wait, and are needed before there is a context, or where nothing may be thrown
        "cudaGetDeviceCount", "cudaGetDriverEntryPointByVersion", "cudaSetDevice", "cudnnGetVersion",
        # give back what an error has left, and in deleters: they do not wait
        "cudaEventDestroy", "cudaStreamDestroy", "cudaMemPoolDestroy", "cudnnDestroy",
    },
    "memory.cuh": {
        "cudaFreeAsync",  # in the order of the stream; count_free counts it
        "cudaEventCreateWithFlags", "cudaEventRecord", "cudaEventQuery",  # about blocks that are given up, where nothing may be thrown and no graph is captured
        "cudaStreamSynchronize", "cudaFreeHost",  # where nothing may be thrown; count_wait counts them
    },
    "memory_pools.cuh": {"cudaMemPoolTrimTo"},  # inside of an allocation that is asked for
    "context.cuh": {"cudaEventQuery"},  # done() asks for it, and has an answer that is no error
    "graphs.cuh": {"cudaStreamEndCapture"},  # abandon(): after an exception
    # fill a description on the host's stack
    "linear.cuh": {"cublasLtMatmulDescInit", "cublasLtMatmulDescSetAttribute", "cublasLtMatmulPreferenceInit", "cublasLtMatmulPreferenceSetAttribute", "cublasLtMatrixLayoutInit"},
    "nccl.cuh": {"ncclCommGetAsyncError", "ncclCommAbort"},  # a communicator that does not block is asked, and one that has failed ends
}
CALL_OF_CUDA = re.compile(r"\b(?:cuda|cudnn|cublasLt|nccl|cu)[A-Z]\w*(?=\()")
# call(..), nccl_sums::begun(..), which NCCL's calls go through, and made<Handle>(..), which calls call(); destructors
ASKED = re.compile(r"\b(?:call|begun|made<\w+>)\(|~\w+\(\)[^{;]*\{")
NO_CODE = re.compile(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"')
OPENS = re.compile(r"^namespace frcnn\b", re.M)
OPENS_AS = re.compile(r"^namespace frcnn(?:::inline (FRCNN_ABI|FRCNN_VOCABULARY)\b)?", re.M)
HIDDEN = re.compile(r"^FRCNN_HIDDEN_BEGIN\nnamespace frcnn\b[^}]*?\{$(?:(?!^FRCNN_HIDDEN_BEGIN).)*?^\}  // namespace frcnn[^\n]*\nFRCNN_HIDDEN_END$", re.M | re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def library_of(target):  # of <pugixml.hpp>: "pugixml"; of <stb/stb_image.h> and <stb_image.h>: "stb"; of <oneapi/dnnl/dnnl.hpp>: "dnnl"
    name = re.split(r"[/.]", target.removeprefix("oneapi/"))[0]
    return "stb" if name.startswith("stb_") else name


def libraries(name, seen):  # third-party libraries that including `name` brings
    if name in seen or not (root / name).is_file():
        return set()
    seen.add(name)
    found = set()
    for _, target in INCLUDE.findall((root / name).read_text()):
        found |= libraries(target, seen) if target.startswith("frcnn/") else {library_of(target)} & THIRD_PARTY.keys()
    return found


def top_folder(name):  # of "frcnn/core/view.hpp": "core"; of "frcnn/data.hpp": ""
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else ""


def kinds(text):  # of "namespace frcnn::inline FRCNN_ABI::ops {": {"FRCNN_ABI"}; of "namespace frcnn {": {""}
    return set(OPENS_AS.findall(text))


def unasked_calls(text):  # of CUDA's libraries, outside of call() and destructors
    text = NO_CODE.sub("", text)
    inside = set()
    for begin in ASKED.finditer(text):
        opening, at, depth = begin[0][-1], begin.end(), 1
        closing = {"(": ")", "{": "}"}[opening]
        while depth and at < len(text):
            depth += {opening: 1, closing: -1}.get(text[at], 0)
            at += 1
        inside.update(range(begin.end(), at))
    return {c[0] for c in CALL_OF_CUDA.finditer(text) if c.start() not in inside}


problems, edges, headers = [], 0, sorted(h for kind in ("*.hpp", "*.cuh") for h in (root / "frcnn").rglob(kind))
if not headers:
    sys.exit(f"{root}: expected headers below frcnn/, found none")
for header in headers:
    name = header.relative_to(root).as_posix()
    folder = top_folder(name)
    if folder and folder not in MAY_INCLUDE:
        problems.append(f"{name}: the folder {folder} has no place in the order; give it one in tests/layering.py")
        continue
    text = header.read_text()
    if name.endswith(".cuh"):
        for function in sorted(unasked_calls(text) - UNASKED[""] - UNASKED.get(header.name, set())):
            problems.append(f"{name}: {function} is called outside of call() (backend/cuda/status.cuh), and has no place in UNASKED of tests/layering.py")
    opened, hidden = len(OPENS.findall(text)), len(HIDDEN.findall(text))
    if name.endswith(".hpp") and any(library_of(t) in CUDA or t.endswith(".cuh") for _, t in INCLUDE.findall(text)):
        problems.append(f"{name}: what needs the CUDA toolkit is a .cuh, so that every .hpp compiles without it")
    if opened != hidden and name not in GROUND:
        problems.append(f"{name}: FRCNN_HIDDEN_BEGIN and FRCNN_HIDDEN_END are lines around each namespace (config.hpp)")
    opens = kinds(text) if name not in GROUND else set()
    if len(opens) > 1 or "" in opens:
        problems.append(f"{name}: opens {' and '.join(sorted(opens)) or 'frcnn'}; a header opens FRCNN_ABI or FRCNN_VOCABULARY (config.hpp)")
    for bracket, target in INCLUDE.findall(text):
        edges += 1
        if opens == {"FRCNN_VOCABULARY"} and target.startswith("frcnn/") and (root / target).is_file() and "FRCNN_ABI" in kinds((root / target).read_text()):
            problems.append(f"{name}: is vocabulary, and includes {target}, which is not")
        if bracket == '"' or target.startswith("frcnn/"):
            if not target.startswith("frcnn/") or not (root / target).is_file():
                problems.append(f'{name}: "{target}" is not a header of this library')
            elif target in GROUND:
                pass  # ground stands on ground
            elif not folder:
                if name in GROUND:
                    problems.append(f"{name}: includes {target}, and everything stands on {name}")
            elif top_folder(target) == "":
                problems.append(f"{name}: includes the umbrella {target}")
            elif top_folder(target) != folder and top_folder(target) not in MAY_INCLUDE[folder] and target not in ALSO.get(folder, ()):
                problems.append(f"{name}: {folder} may not include {target}")
        else:
            library = library_of(target)
            if library in FORBIDDEN:
                problems.append(f"{name}: {library} belongs to programs and tests")
            elif library in THIRD_PARTY and not name.removeprefix("frcnn/").startswith(THIRD_PARTY[library]):
                problems.append(f"{name}: {library} is allowed in {', '.join(THIRD_PARTY[library])} only")
            elif "/" in target and library not in THIRD_PARTY and library not in SYSTEM:
                problems.append(f"{name}: <{target}> is of no library that is allowed here")

for umbrella, own in UMBRELLAS.items():
    strange = libraries(f"frcnn/{umbrella}.hpp", set()) - CORE - own
    if strange:
        problems.append(f"frcnn/{umbrella}.hpp: brings {', '.join(sorted(strange))}, which its component does not need")

tests = pathlib.Path(__file__).parent / "unit"
for header in sorted((root / "frcnn" / "core").glob("*.hpp")):
    if not (tests / "core" / f"{header.stem}.cpp").is_file():
        problems.append(f"frcnn/core/{header.name}: has no tests/unit/core/{header.stem}.cpp")

print("\n".join(problems) or f"{edges} includes in {len(headers)} headers point the right way")
sys.exit(bool(problems))
