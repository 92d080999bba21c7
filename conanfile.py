import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import load
from conan.tools.scm import Version

required_conan_version = ">=2.0"


class Frcnn(ConanFile):
    name = "frcnn"
    description = "Faster R-CNN, trained and run, as a header-only C++20 library"
    license = "BSD-2-Clause"
    topics = ("object-detection", "faster-rcnn", "deep-learning", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    # The components that bring libraries, the engine fast, and what oneDNN adds to it. onednn is off, and so is blas, a BLAS for the engine
    # portable (without it our own kernel multiplies): ConanCenter has no recipe of onednn and of xtensor-blas. So is compress: its LAPACK
    # takes a Fortran compiler.
    # cuda, nccl: the components of these names, whose toolkit, cuDNN and NCCL are the system's: no recipe brings them.
    # jpeg: what decodes JPEG for the component data. tiff: the reader of TIFF in it, by libtiff. caffemodel: the reader of such files in the component io, by protozero. compiled: the libraries cpu and images, compiled once with the profile's settings for this instruction_set (FRCNN_ARCH).
    # mpi: the component of that name, whose MPI is the system's, the one that its mpirun belongs to.
    options = {"data": [True, False], "io": [True, False], "viz": [True, False], "compress": [True, False], "coco": [True, False],
               "blas": [True, False], "fast": [True, False], "onednn": [True, False], "cuda": [True, False], "nccl": [True, False], "mpi": [True, False],
               "jpeg": ["turbo", "stb"], "tiff": [True, False], "caffemodel": [True, False], "compiled": [True, False], "instruction_set": ["baseline", "v3", "v4", "native"]}
    default_options = {"data": True, "io": True, "viz": True, "compress": False, "coco": False, "blas": False, "fast": True, "onednn": False, "cuda": False, "nccl": False, "mpi": False,
                       "jpeg": "turbo", "tiff": False, "caffemodel": False, "compiled": False, "instruction_set": "baseline"}
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"
    no_copy_source = True

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "include", "frcnn", "version.hpp"))
        self.version = ".".join(re.findall(r"#define FRCNN_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header))

    def configure(self):
        if self.options.compiled:
            self.package_type = "static-library"

    def requirements(self):
        visible = {"transitive_headers": True, "transitive_libs": True}
        self.requires("xtensor/[>=0.24 <0.27]", **visible)
        if self.options.blas:
            self.requires("xtensor-blas/[>=0.20 <0.23]", **visible)
            lapack = {"options": {"build_lapack": True}} if self.options.compress else {}
            self.requires("openblas/[>=0.3.17 <0.4]", **visible, **lapack)
        if self.options.onednn:
            self.requires("onednn/[>=2.6 <4]", **visible)
        if self.options.fast:
            self.requires("xsimd/[>=8 <15]", **visible)
        if self.options.data:
            self.requires("pugixml/[>=1.10 <2]", **visible)
            if self.options.jpeg == "turbo":
                self.requires("libjpeg-turbo/[>=2.1 <4]", **visible)
            if self.options.tiff:
                self.requires("libtiff/[>=4.5 <5]", **visible)
        if self.options.data or self.options.viz:
            self.requires("stb/[>=cci.20210910]", **visible)
        if self.options.io:
            self.requires("nlohmann_json/[>=3.10 <4]", **visible)
            if self.options.caffemodel:
                self.requires("protozero/[>=1.7 <2]", **visible)

        if self.options.coco:
            self.requires("simdjson/[>=3.0 <5]", **visible)

    def validate(self):
        if self.options.coco and not self.options.data:
            raise ConanInvalidConfiguration("frcnn: expected the option data with coco, found it off")
        if self.options.nccl and not self.options.cuda:
            raise ConanInvalidConfiguration("frcnn: expected the option cuda with nccl, found it off")
        if self.options.caffemodel and not self.options.io:
            raise ConanInvalidConfiguration("frcnn: expected the option io with caffemodel, found it off")
        if self.options.compress and not self.options.blas:
            raise ConanInvalidConfiguration("frcnn: expected the option blas with compress, found it off")
        if self.options.onednn and not self.options.fast:
            raise ConanInvalidConfiguration("frcnn: expected the option fast with onednn, found it off")
        if self.options.compiled and not (self.options.data and self.options.io):
            raise ConanInvalidConfiguration("frcnn: expected the options data and io with compiled, found one of them off")
        # Not the profile's C++ standard, which a detected profile sets to 17: the CMake target asks for C++20 itself.
        compiler = str(self.settings.compiler)
        least = {"gcc": "12", "clang": "14"}.get(compiler)
        if least and Version(self.settings.compiler.version) < least:
            raise ConanInvalidConfiguration(f"frcnn: expected {compiler} {least} or later, found {self.settings.compiler.version}")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "BENCH", "EXAMPLES"):
            toolchain.cache_variables[f"FRCNN_{part}"] = False
        # The installed package file keeps these.
        toolchain.cache_variables["FRCNN_BLAS"] = "ON" if self.options.blas else "OFF"
        toolchain.cache_variables["FRCNN_FAST"] = "ON" if self.options.fast else "OFF"
        toolchain.cache_variables["FRCNN_ONEDNN"] = "ON" if self.options.onednn else "OFF"
        toolchain.cache_variables["FRCNN_CUDA"] = "ON" if self.options.cuda else "OFF"
        toolchain.cache_variables["FRCNN_NCCL"] = "ON" if self.options.nccl else "OFF"
        toolchain.cache_variables["FRCNN_MPI"] = "ON" if self.options.mpi else "OFF"
        toolchain.cache_variables["FRCNN_JPEG"] = str(self.options.jpeg)
        toolchain.cache_variables["FRCNN_TIFF"] = "ON" if self.options.tiff else "OFF"
        toolchain.cache_variables["FRCNN_PROTOZERO"] = "ON" if self.options.caffemodel else "OFF"
        toolchain.cache_variables["FRCNN_COMPILED"] = bool(self.options.compiled)
        if self.options.compiled:
            toolchain.cache_variables["FRCNN_ARCH"] = str(self.options.instruction_set)
            CMakeDeps(self).generate()  # headers alone are not looked for before a consumer does
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        if self.options.compiled:
            cmake.build()

    def package(self):
        CMake(self).install()

    def package_id(self):
        if not self.info.options.compiled:
            self.info.settings.clear()
            self.info.requires.clear()
            del self.info.options.instruction_set

    def package_info(self):
        # The package file that we install is the one that every consumer reads; it finds the requirements by Conan's.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "frcnn")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        if self.settings.get_safe("compiler") in ("gcc", "clang", "apple-clang"):
            self.cpp_info.cxxflags = ["-ffp-contract=off"]
