#include "frcnn/train/metrics_file.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../io/scratch.hpp"

using frcnn::metrics_file;
using frcnn::io::read_file;

TEST_CASE("one object per line, there as soon as it is written") {
  ::scratch folder;
  auto const path = folder / "metrics.jsonl";
  metrics_file metrics(path);
  metrics.write(1, {{"loss", .5}, {"lr", .01}});
  CHECK(read_file(path) == "{\"step\":1,\"loss\":0.5,\"lr\":0.01}\n");
  metrics.write(2, {});
  metrics.write(3, {{"a", 1 / 3.}, {"b", 1e-300}, {"c", -0.0}, {"d", 12345678}, {"e", NAN}, {"f", -INFINITY}, {"g", 0.1f}});
  std::ifstream lines(path);
  std::string line;
  std::getline(lines, line), std::getline(lines, line);
  CHECK(line == "{\"step\":2}");
  std::getline(lines, line);
  auto const object = nlohmann::json::parse(line);
  CHECK(object["a"].get<double>() == 1 / 3.);
  CHECK(object["b"].get<double>() == 1e-300);
  CHECK(object["d"] == 12345678);
  CHECK(object["e"].is_null());
  CHECK(object["f"].is_null());
  CHECK(object["g"].get<double>() == 0.1f);
}

TEST_CASE("cut back to a step, then on") {
  ::scratch folder;
  auto const path = folder / "metrics.jsonl";
  std::string first;
  {
    metrics_file metrics(path);
    for (std::uint64_t step : {8, 9, 10, 10, 11, 100}) {
      metrics.write(step, {{"loss", 1. / static_cast<double>(step)}});
      if (step <= 10) first = read_file(path);
    }
  }
  metrics_file metrics(path);  // opening keeps what is there
  CHECK(read_file(path).size() > first.size());
  metrics.cut_back_to(10);
  CHECK(read_file(path) == first);
  metrics.write(11, {});
  CHECK(read_file(path) == first + "{\"step\":11}\n");
  metrics.write(11, {{"val_loss", 1}});
  metrics.write(12, {{"val_loss", 1}});
  metrics.cut_back_to(11, "val_loss");  // the run will evaluate again
  CHECK(read_file(path) == first + "{\"step\":11}\n");
  metrics.clear();
  CHECK(read_file(path).empty());
  metrics.write(0, {});
  metrics.cut_back_to(0);
  CHECK(read_file(path) == "{\"step\":0}\n");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a torn last line is dropped, wherever it is torn") {
  ::scratch folder;
  auto const path = folder / "metrics.jsonl";
  std::string const whole = "{\"step\":1,\"loss\":0.5}\n", torn = "{\"step\":2,\"loss\":0.25}\n";
  for (std::size_t n = 0; n <= torn.size(); ++n) {
    { std::ofstream(path) << whole + torn.substr(0, n); }
    metrics_file metrics(path);
    CHECK(read_file(path) == (n == torn.size() ? whole + torn : whole));
    metrics.write(3, {});
    CHECK(read_file(path).ends_with("}\n{\"step\":3}\n"));
  }
}

TEST_CASE("lines of others stay, and places that cannot be written are named") {
  ::scratch folder;
  auto const path = folder / "metrics.jsonl";
  { std::ofstream(path) << "# a note\n{\"step\":5}\n{\"step\":x}\n"; }
  metrics_file metrics(path);
  metrics.cut_back_to(4);
  CHECK(read_file(path) == "# a note\n{\"step\":x}\n");
  CHECK(sentence([&] { metrics_file(folder / "none/m"); }) ==
        (folder / "none/m").string() + ": expected a folder to write into, found none at that place");
  CHECK(sentence([&] { metrics_file{folder.path}; }) == folder.path.string() + ": expected a file to write, found a folder");
  if (std::filesystem::exists("/dev/full")) {
    std::filesystem::create_symlink("/dev/full", folder / "full");
    CHECK(sentence([&] {
            metrics_file full(folder / "full");
            full.write(1, {});
          }) == (folder / "full").string() + ": expected room on the disk, found a full disk");
  }
}
