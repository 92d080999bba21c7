// A host that loads two plugins, each with the library inside, uses them and unloads them.
// usage: host PLUGIN PLUGIN
// The plugins are different builds, and the host is a third one, without the library's flags. Each has tables of its own; an error of
// either is caught as what it is; the host's images go to the detectors of both, and their detections come back, the same again after the
// other has gone; unloaded they are not mapped any more, and the threads that they used do no harm.
#include "plugin.hpp"

#include <dlfcn.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace {

int failures = 0;
void check(bool right, std::string const& what) {
  if (!right) ++failures, std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

bool same(std::vector<frcnn::detection> const& a, std::vector<frcnn::detection> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0);
}

// Where the process has the file in memory: whether it is, and whether `address` lies there.
bool mapped(std::string const& path, void const* address = nullptr) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) == std::string::npos) continue;
    unsigned long first = 0, last = 0;
    std::sscanf(line.c_str(), "%lx-%lx", &first, &last);
    auto const at = reinterpret_cast<unsigned long>(address);
    if (!address || (first <= at && at < last)) return true;
  }
  return false;
}

struct plugin {
  explicit plugin(char const* file) : path(std::filesystem::canonical(file).string()), handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle) return;
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(2);
  }
  template <class F>
  F* find(F*, char const* name) const {
    return reinterpret_cast<F*>(dlsym(handle, name));
  }
  std::string build() const { return find(&plugin_build, "plugin_build")(); }
  std::vector<frcnn::detection> detect() const {
    frcnn::image im(80, 60);
    for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
    frcnn::any_detector const d(std::unique_ptr<frcnn::detector_interface>(find(&plugin_detector, "plugin_detector")()));
    return d.detect(im, {.score = 0});
  }
  void const* table() const { return find(&plugin_table, "plugin_table")(); }
  void const* variable() const { return find(&plugin_static, "plugin_static")(); }
  bool throws() const {
    try {
      find(&plugin_throw, "plugin_throw")("no such file");
    } catch (frcnn::error const& e) {
      return e.where() == "no such file" && std::strstr(e.what(), "found nothing at that place");
    } catch (...) {
    }
    return false;
  }
  void unload() {
    check(dlclose(handle) == 0, "dlclose");
    check(!mapped(path), path + " is still mapped after dlclose");
  }

  std::string path;
  void* handle;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  plugin first(argv[1]), second(argv[2]);
  check(first.build() != second.build() && first.build() != FRCNN_TEXT(FRCNN_ABI), "the plugins and the host are builds of their own");
  check(first.throws() && second.throws(), "a plugin's frcnn::error is the host's");
  for (auto const* p : {&first, &second}) {
    check(mapped(p->path, p->table()), p->path + " does not use its own table");
    check(mapped(p->path, p->variable()), p->path + " does not use its own static variable");
  }
  auto const found = first.detect(), of_second = second.detect();
  check(!found.empty() && !of_second.empty(), "both find something");
  check(found.empty() || of_second.empty() || std::abs(found[0].score - of_second[0].score) < 1e-3f, "and the same, up to rounding");
  check(same(first.detect(), found), "the first plugin repeats itself");
  first.unload();
  check(same(second.detect(), of_second), "and so does the second when the first has gone");
  second.unload();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for threads that would run into what is not there any more

  plugin again(argv[1]);
  check(same(again.detect(), found), "and loaded again");
  again.unload();
  return failures ? 1 : 0;
}
