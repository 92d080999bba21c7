#pragma once
// Reads tests/golden/geometry.txt: a word, then numbers, one case a line.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

// The numbers of every line that begins with `word`; empty if the file is not there.
inline std::vector<std::vector<float>> golden(std::string const& word) {
  auto const file = std::filesystem::path(__FILE__).parent_path() / "../../golden/geometry.txt";
  std::vector<std::vector<float>> cases;
  std::ifstream in(file);
  for (std::string line, first; std::getline(in, line);) {
    std::istringstream fields(line);
    if (!(fields >> first) || first != word) continue;
    cases.emplace_back();
    for (float v; fields >> v;) cases.back().push_back(v);
  }
  return cases;
}
