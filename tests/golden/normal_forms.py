"""Writes normal_forms.txt: NFC and NFD of the letters that data/look_alike.hpp covers, by Python's unicodedata."""
import pathlib
import unicodedata

BLOCKS = [(0xC0, 0x250), (0x370, 0x400), (0x400, 0x530), (0x1E00, 0x1F00), (0x3041, 0x30F5)]

lines = []
for begin, end in BLOCKS:
    for code in range(begin, end):
        apart = unicodedata.normalize("NFD", chr(code))
        if apart != chr(code) and unicodedata.normalize("NFC", chr(code)) == chr(code):
            lines.append(f"{chr(code)} {apart}\n")
for code in range(0xAC00, 0xD7A4, 97):  # a sample of Hangul
    lines.append(f"{chr(code)} {unicodedata.normalize('NFD', chr(code))}\n")
pathlib.Path(__file__).with_suffix(".txt").write_text("".join(lines), encoding="utf-8")
