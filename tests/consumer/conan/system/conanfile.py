from conan import ConanFile

# name: CMake's package file, CMake's target, libraries to link
PACKAGES = {
    "xtensor": ("xtensor", "xtensor", []),
    "xtensor-blas": ("xtensor-blas", "xtensor-blas", []),
    "openblas": ("OpenBLAS", "OpenBLAS::OpenBLAS", ["openblas"]),
    "onednn": ("dnnl", "DNNL::dnnl", ["dnnl"]),
    "xsimd": ("xsimd", "xsimd", []),
    "pugixml": ("pugixml", "pugixml::pugixml", ["pugixml"]),
    "stb": ("stb", "stb::stb", []),
    "libjpeg-turbo": ("libjpeg-turbo", "libjpeg-turbo::jpeg", ["jpeg"]),
    "nlohmann_json": ("nlohmann_json", "nlohmann_json::nlohmann_json", []),
}


class System(ConanFile):
    """What the operating system has installed, under the names of the central recipes: for machines that cannot reach those."""

    package_type = "unknown"

    def package_info(self):
        file, target, libraries = PACKAGES[self.name]
        self.cpp_info.set_property("cmake_file_name", file)
        self.cpp_info.set_property("cmake_target_name", target)
        self.cpp_info.includedirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.bindirs = []
        self.cpp_info.system_libs = libraries
