"""Headers compiled once, ahead, for a test that compiles many small files with the same beginning."""
import pathlib
import subprocess


def precompile(command, text, folder):
    """The options to add to `command` so that every file it compiles begins with `text`, which is compiled here. The folder is the caller's."""
    header = pathlib.Path(folder) / "ahead.hpp"
    header.write_text(text)
    is_clang = "clang" in pathlib.Path(command[0]).name
    compiled = header.with_suffix(".pch" if is_clang else ".hpp.gch")
    made = [option for option in command if option != "-fsyntax-only"] + ["-x", "c++-header", str(header), "-o", str(compiled)]
    subprocess.run(made, check=True)
    return ["-include-pch", str(compiled)] if is_clang else ["-include", str(header)]
