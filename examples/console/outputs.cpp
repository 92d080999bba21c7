#include "outputs.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/core/message.hpp>
#include <frcnn/core/utf8.hpp>
#include <frcnn/data/file_finder.hpp>
#include <frcnn/data/voc_layout.hpp>
#include <frcnn/eval/proposal_file.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/io/file_name.hpp>
#include <frcnn/io/folder.hpp>
#include <frcnn/io/foreign_file.hpp>
#include <frcnn/io/read_file.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace console {

std::string as_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    std::size_t const length = frcnn::utf8_length(text);
    result += length == 0 ? "\uFFFD" : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

std::string csv_field(std::string const& raw) {
  std::string const text = as_utf8(raw);
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (char const c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

void make_folder(std::filesystem::path const& folder) { frcnn::io::make_folder(folder, "--out " + folder.string()); }

folder_to_fill::folder_to_fill(std::filesystem::path const& folder, std::string const& option) {
  if (folder.empty()) return;
  std::error_code unknown;
  auto place = std::filesystem::absolute(folder, unknown);
  for (; place.has_relative_path() && !std::filesystem::exists(place, unknown); place = place.parent_path()) made_.push_back(place);
  frcnn::io::make_folder(folder, option);
}

folder_to_fill::~folder_to_fill() {
  std::error_code not_empty;
  for (auto const& folder : made_) std::filesystem::remove(folder, not_empty);
}

void check_folder(std::string const& option, std::filesystem::path const& folder) {
  if (auto const other = frcnn::io::in_the_way(folder); !other.empty()) throw frcnn::error(option, "a folder, or a place for one", other);
  std::error_code unknown;
  auto there = std::filesystem::absolute(folder, unknown);
  if (unknown) throw frcnn::error(option, "a place to write into", "a working folder that is gone");
  while (there.has_relative_path() && !std::filesystem::exists(there, unknown)) there = there.parent_path();
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    throw frcnn::error(option, "a place to write into", there.string() + ", " + frcnn::excerpt(std::generic_category().message(errno)));
}

void check_file(std::filesystem::path const& file) {
  std::error_code unknown;
  if (auto const there = std::filesystem::status(file, unknown);
      !std::filesystem::exists(there) || std::filesystem::is_regular_file(there) || std::filesystem::is_directory(there))
    frcnn::io::atomic_file{file};  // not where it is a pipe, whose reader would notice
}

void check_place(std::filesystem::path const& out, std::initializer_list<char const*> folders, std::initializer_list<char const*> files) {
  check_folder("--out " + out.string(), out);
  for (char const* part : folders) check_folder((out / part).string(), out / part);
  for (char const* part : files)
    if (auto const other = frcnn::io::detail::other_than_file(out / part); other == "a folder")
      throw frcnn::error((out / part).string(), "a file to write", other);
}

bool there(std::filesystem::path const& path) {
  std::error_code unknown;
  return std::filesystem::exists(path, unknown);
}

void check_inputs(std::vector<std::filesystem::path> const& files) {
  for (auto const& file : files) {
    if (file.empty()) continue;
    if (::access(file.c_str(), R_OK) != 0) frcnn::io::detail::throw_read_error(file, errno);
    if (std::error_code unknown; std::filesystem::is_directory(file, unknown)) {
      if (auto const model = file / "model.safetensors"; there(model))
        throw frcnn::error(file.string(), "a file", "the folder of a run, whose model is " + model.string());
      frcnn::io::detail::throw_read_error(file, EISDIR);
    }
  }
}

std::vector<std::filesystem::path> picture_paths(std::filesystem::path const& folder, std::vector<std::string> const& images,
                                                 std::string const& ending) {
  free_names names;
  std::vector<std::filesystem::path> paths;
  for (std::string const& image : images) {
    std::string const stem = std::filesystem::path(image).stem().string();
    paths.push_back(folder / names.take([&](int n) {
      std::string const end = n > 1 ? "-" + std::to_string(n) + ending : ending;
      bool const stands = stem.size() + end.size() <= frcnn::io::longest_name && std::ranges::none_of(stem, frcnn::io::is_control);
      return stands ? stem + end : frcnn::io::file_name(stem, end);  // as labelImg looks for it, a '%' in it too
    }));
  }
  return paths;
}

std::filesystem::path resolved(std::filesystem::path const& path, std::error_code& problem) {
  auto const whole = std::filesystem::absolute(path, problem);
  return problem ? path : std::filesystem::weakly_canonical(whole, problem);
}

namespace {
std::vector<std::string> words_of_command_line;
}

void remember_words(std::vector<std::string> words) { words_of_command_line = std::move(words); }

void check_outputs(std::vector<std::filesystem::path> const& inputs, std::vector<std::filesystem::path> const& outputs) {
  using file_id = std::pair<dev_t, ino_t>;
  std::map<file_id, std::filesystem::path> read;
  struct stat about;
  auto const take = [&](std::filesystem::path const& path) {
    if (::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode)) read.emplace(file_id{about.st_dev, about.st_ino}, path);
  };
  for (auto const& path : inputs) take(path);
  for (auto const& word : words_of_command_line) take(word);
  std::map<std::filesystem::path, std::filesystem::path> written;  // by what links lead to
  for (auto const& path : outputs) {
    std::error_code unknown;
    auto const target = resolved(path, unknown);  // also of "new/../file", which leads nowhere as long as `new` is not there
    for (auto const& named : {path, target})
      for (char const* ending : {"", ".part"})
        if (::stat((named.string() + ending).c_str(), &about) == 0)
          if (auto const input = read.find({about.st_dev, about.st_ino}); input != read.end())
            throw frcnn::error(path.string(), "an output that is no input", "the input " + input->second.string());
    auto const [other, is_new] = written.emplace(unknown ? path : target, path);
    if (!is_new && !(std::filesystem::exists(path, unknown) && !std::filesystem::is_regular_file(path, unknown)))
      throw frcnn::error(path.string(), "outputs that are different files", "the same file as " + other->second.string());
  }
  for (auto const& [target, path] : written)
    for (auto above = target.parent_path(); above.has_relative_path(); above = above.parent_path())
      if (auto const file = written.find(above); file != written.end())
        throw frcnn::error(file->second.string(), "a file that is not the folder of another output", "the folder of " + path.string());
}

namespace output {

namespace {

// The first characters that are no blanks, in lower case.
std::string beginning(std::string_view text) {
  std::string begin;
  for (char const c : text)
    if (std::string_view(" \t\r\n").find(c) == std::string_view::npos) begin += c;
  return frcnn::data::lower(begin);
}

}  // namespace

kind const page{"a page", [](std::string_view first) { return beginning(first).starts_with("<!doctypehtml"); }};
kind const numbers{"the numbers of an evaluation", [](std::string_view first) { return beginning(first).starts_with("{\"stats\":"); }};
kind const detections{"detections", [](std::string_view first) {
                        auto const begin = beginning(first);
                        return begin == "[]" || begin.starts_with("[{\"image\":");
                      }};
kind const table{"a table of detections", [](std::string_view first) { return first.starts_with(csv_header); }};
kind const proposals{"proposals", [](std::string_view first) {  // a line of an id, four numbers, and what may follow
                       bool found = false;
                       frcnn::eval::detail::for_each_line(first, [&](std::size_t, std::string_view line) {
                         auto const words = frcnn::eval::detail::words(line, 8);
                         auto const is_number = [](std::string_view word) {
                           double value = 0;
                           return std::from_chars(word.data(), word.data() + word.size(), value).ptr == word.data() + word.size();
                         };
                         found = found ||
                                 (words.size() >= 5 && words.size() <= 7 && std::all_of(words.begin() + 1, words.begin() + 5, is_number));
                       });
                       return found;
                     }};
kind const model{"a model", [](std::string_view first) {
                   using namespace std::string_view_literals;
                   return first.starts_with("PK\3\4") || (first.size() > 8 && first[8] == '{' && first.substr(4, 4) == "\0\0\0\0"sv);
                 }};

}  // namespace output

void check_replaces(std::filesystem::path const& file, output::kind const& what) {
  std::string const first = frcnn::io::first_bytes(file, 4096);
  if (first.empty() || what.begins(first)) return;
  std::string const format = frcnn::io::foreign_file(first);
  bool const tells = !format.empty() && !format.starts_with("a text");
  throw frcnn::error(file.string(), "a new file, or " + std::string(what.name) + " that an earlier run wrote",
                     (tells ? format : "a file that begins with " + frcnn::excerpt(first, 30)) + ", which would be lost");
}

void check_files(std::vector<std::filesystem::path> const& inputs, std::vector<std::filesystem::path> const& outputs) {
  check_inputs(inputs);
  check_outputs(inputs, outputs);
  for (auto const& file : outputs) check_file(file);
}

void check_nothing_there(std::filesystem::path const& path, std::string const& what, std::string const& instead) {
  std::error_code unknown;
  auto const place = resolved(path.parent_path(), unknown) / path.filename();  // a link at the place itself is something
  std::string const other = frcnn::io::detail::other_than_file(place);
  if (std::filesystem::exists(std::filesystem::symlink_status(place, unknown)) && other != "a device or a pipe")
    throw frcnn::error(path.string(), "a place without " + what + " (" + instead + ")", other.empty() ? "a file that is there" : other);
}

void check_nothing_beside(std::vector<std::string> const& images, std::vector<std::filesystem::path> const& pictures) {
  std::error_code unknown;
  auto const folders_of = [&](std::filesystem::path const& file) {  // by its own name, and by what links lead to
    auto const named = std::filesystem::absolute(file, unknown).parent_path();
    return std::array{resolved(named, unknown), resolved(file, unknown).parent_path()};
  };
  std::set<std::filesystem::path> read;
  for (auto const& image : images)
    for (auto const& folder : folders_of(image)) read.insert(folder);
  for (auto const& picture : pictures)
    for (auto const& folder : folders_of(picture))
      if (read.contains(folder)) check_nothing_there(picture, "a picture", "--overwrite replaces it");
}

void check_beside_data(std::filesystem::path const& out, std::vector<frcnn::data::voc_source> const& sources) {
  std::error_code unknown;
  auto const place = resolved(out, unknown);
  for (auto const& source : sources) {
    if (!std::filesystem::is_directory(source.root, unknown)) continue;  // which the data's check says
    auto const layout = frcnn::data::detail::layout_at(source.root);
    for (auto const* folders : {&layout.images, &layout.annotations})
      for (auto const& folder : *folders) {
        if (folder == source.root) continue;
        auto const within = place.lexically_relative(resolved(folder, unknown));
        if (!within.empty() && *within.begin() != "..")
          throw frcnn::error("--out " + out.string(), "a folder that is not among the data's files", "one in " + folder.string());
      }
  }
}

void check_spares_data(std::filesystem::path const& output, std::vector<frcnn::data::voc_source> const& sources) {
  namespace fs = std::filesystem;
  std::error_code unknown;
  auto const file = resolved(output, unknown);
  if (!fs::is_regular_file(file, unknown)) return;
  for (auto const& source : sources) {
    auto const within = file.lexically_relative(resolved(source.root, unknown));
    if (within.empty() || *within.begin() == "..") continue;
    auto theirs = frcnn::data::all_image_extensions();
    theirs.push_back(".xml");
    auto const extension = frcnn::data::lower(within.extension().string());
    if (within.has_parent_path() || std::find(theirs.begin(), theirs.end(), extension) != theirs.end())
      throw frcnn::error(output.string(), "an output that is no file of the data", "one of " + source.root.string());
  }
}

}  // namespace console
