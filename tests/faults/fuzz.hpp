#pragma once
// Random changes to bytes, and the rule that they are held against: a function of ours returns, or throws frcnn::error (std::bad_alloc may
// pass). Everything is a function of the round's number; FRCNN_FUZZ_ROUNDS=N makes N times as many rounds.
#include "frcnn/core/error.hpp"
#include "frcnn/core/rng.hpp"

#include <doctest/doctest.h>

#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <typeinfo>

namespace fuzz {

class dice {
 public:
  explicit dice(std::uint64_t round) : draws_(77, frcnn::draw::test, round) {}
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(draws_.unit() * static_cast<double>(n)); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  template <class T, std::size_t N>
  T const& of(T const (&choices)[N]) {
    return choices[below(N)];
  }
  // Numbers that options are given by mistake, and now and then a reasonable one.
  int integer() {
    constexpr int odd[] = {
        0, -1, 1, 2, 3, 7, 100, 1000, 65535, 65536, 1 << 20, 1 << 30, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()};
    return of(odd);
  }
  double real() {
    using limits = std::numeric_limits<double>;
    double const odd[] = {0,
                          -0.,
                          1,
                          -1,
                          .5,
                          .05,
                          2,
                          1e-30,
                          1e30,
                          -1e30,
                          1e300,
                          limits::max(),
                          limits::denorm_min(),
                          limits::infinity(),
                          -limits::infinity(),
                          limits::quiet_NaN()};
    return of(odd);
  }

  // A few changes of a text or of bytes.
  std::string changed(std::string bytes) {
    for (std::size_t n = 1 + below(4); n-- > 0;) change(bytes);
    return bytes;
  }

 private:
  void change(std::string& b) {
    static constexpr char const* words[] = {"-1",
                                            "0",
                                            "4294967296",
                                            "18446744073709551615",
                                            "9223372036854775808",
                                            "1e999",
                                            "nan",
                                            "inf",
                                            "\"",
                                            "{",
                                            "}",
                                            "[",
                                            "]",
                                            "<",
                                            ">",
                                            "&#0;",
                                            "&#xD800;",
                                            "&lt;",
                                            "<!--",
                                            "<![CDATA[",
                                            "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
                                            "\xff\xfe",
                                            "\xef\xbb\xbf",
                                            "\xc3\x28",
                                            " ",
                                            "\n",
                                            "\r",
                                            "\t",
                                            "../",
                                            "/",
                                            "%00",
                                            "%",
                                            ",",
                                            ":",
                                            "null",
                                            "true"};
    std::size_t const at = below(b.size() + 1), length = std::min(b.size() - at, 1 + below(one_in(4) ? b.size() : 8));
    switch (below(8)) {
      case 0: b.erase(at, length); break;
      case 1: b.insert(at, b.substr(below(b.size()), length)); break;
      case 2: b.insert(at, of(words)); break;
      case 3: b.replace(at, length, of(words)); break;
      case 4: b.resize(at); break;
      case 5: b.insert(at, 1, '\0'); break;
      default:
        if (at < b.size()) b[at] = static_cast<char>(one_in(2) ? b[at] ^ (1 << below(8)) : static_cast<int>(below(256)));
    }
  }
  frcnn::host_rng draws_;
};

inline std::uint64_t rounds(std::uint64_t usual) {
  char const* const more = std::getenv("FRCNN_FUZZ_ROUNDS");
  return usual * (more ? std::strtoull(more, nullptr, 10) : 1);
}

// f(), which may throw what the library may. Whether it returned.
template <class F>
bool allowed(std::uint64_t round, F&& f) {
  try {
    f();
    return true;
  } catch (frcnn::error const& e) {
    CHECK_MESSAGE(std::string(e.what()).size() < 100000, "round " << round);
  } catch (std::bad_alloc const&) {
  } catch (std::exception const& e) {
    FAIL_CHECK("round " << round << ": " << std::string(typeid(e).name()) << ": " << std::string(e.what()));
  } catch (...) {
    FAIL_CHECK("round " << round << ": something else was thrown");
  }
  return false;
}

struct folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("frcnn-fuzz-" + std::to_string(::getpid()));
  folder() { std::filesystem::create_directories(path); }
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path put(std::string const& name, std::string const& bytes) const {
    auto const file = path / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file;
  }
};

}  // namespace fuzz
