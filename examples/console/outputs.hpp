#pragma once
// Where programs read and write: inputs that are there, names for pictures, fields of CSV, and the promise that no input is written over.
#include <frcnn/data/text.hpp>
#include <frcnn/data/voc_source.hpp>

#include <filesystem>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace console {

// Bytes that are not UTF-8, as a file name may hold them, become U+FFFD: readers of UTF-8 refuse a whole file for one of them.
std::string as_utf8(std::string_view text);

// A field of a line of CSV, between quotes where it needs them (RFC 4180).
std::string csv_field(std::string const& raw);

// --out, with the folders above it.
void make_folder(std::filesystem::path const& folder);

// A folder to write into, made with the folders above it. Of those that were not there before, what is empty at the end is taken away: work
// that fails before its first file leaves nothing.
class folder_to_fill {
 public:
  // option: "--out DIR". Nothing happens where the name is empty, an option that was not given.
  folder_to_fill(std::filesystem::path const& folder, std::string const& option);
  folder_to_fill(folder_to_fill const&) = delete;
  folder_to_fill& operator=(folder_to_fill const&) = delete;
  ~folder_to_fill();

 private:
  std::vector<std::filesystem::path> made_;  // the lowest first
};

// Throws error where a folder could not be made, or not be written into. option: "--out DIR".
void check_folder(std::string const& option, std::filesystem::path const& folder);

// Throws error where a file could not be written: no folder for it, no right to, another writer. Nothing stays of the attempt.
void check_file(std::filesystem::path const& file);

// Throws error where --out, or a part of it that is a folder, or one that is a file, could not be made: before the work that it is for.
void check_place(std::filesystem::path const& out, std::initializer_list<char const*> folders = {},
                 std::initializer_list<char const*> files = {});

// Whether something lies at a path. What the system does not show counts as nothing.
bool there(std::filesystem::path const& path);

// Throws error where a file that is to be read is not there, is a folder or may not be read: before the work that comes ahead of it. Nothing
// is opened, which a pipe would notice. Empty names are options that were not given.
void check_inputs(std::vector<std::filesystem::path> const& files);

// Names that are not taken: a number stands behind one that is. Names that differ in case only count as equal: some file systems take them
// for one file.
class free_names {
 public:
  // name(n): the name itself for n = 1, with the number for 2, 3, ...
  template <class Name>
  std::string take(Name name) {
    std::string chosen = name(1);
    for (int& n = last_.try_emplace(frcnn::data::lower(chosen), 1).first->second; !taken_.insert(frcnn::data::lower(chosen)).second;)
      chosen = name(++n);
    return chosen;
  }

 private:
  std::set<std::string> taken_;
  std::map<std::string, int> last_;  // number given to a name
};

// FOLDER/<name of the image>.png for each image, with -2, -3, ... behind a name that is taken; other endings likewise.
std::vector<std::filesystem::path> picture_paths(std::filesystem::path const& folder, std::vector<std::string> const& images,
                                                 std::string const& ending = ".png");

// The one path of a file, there or not, whatever links and names lead to it. (weakly_canonical leaves a relative path of which nothing is
// there as it is.)
std::filesystem::path resolved(std::filesystem::path const& path, std::error_code& problem);

// The words of the command line that name no output, of which run() tells: those that are files are inputs of all checks too. No program can
// forget an option that names a file to read.
void remember_words(std::vector<std::string> words);

// Throws error where writing an output, or the file beside it that becomes it, would change an input or another output: the same file
// through whatever names, links and hard links. Inputs that do not exist are nobody's.
void check_outputs(std::vector<std::filesystem::path> const& inputs, std::vector<std::filesystem::path> const& outputs);

// All of that, all inputs being there; that the outputs can be written, too.
void check_files(std::vector<std::filesystem::path> const& inputs, std::vector<std::filesystem::path> const& outputs);

// What programs write, as its first bytes tell.
namespace output {
struct kind {
  char const* name;
  bool (*begins)(std::string_view first);
};
inline constexpr std::string_view csv_header = "image,class,score,x1,y1,x2,y2\n";
extern kind const page, numbers, detections, table, proposals, model;
}  // namespace output

// Throws error where a file is there that is none of that kind, and would be lost: a photograph that a pattern of the shell gave, annotations.
void check_replaces(std::filesystem::path const& file, output::kind const& what);

// Throws where something lies at the place of an output that people may have made or corrected. what: "labels"; instead: what to do.
void check_nothing_there(std::filesystem::path const& path, std::string const& what, std::string const& instead);

// The same of pictures that would lie among the images that are read: what has such a name there may be a photograph, of which this run
// reads another.
void check_nothing_beside(std::vector<std::string> const& images, std::vector<std::filesystem::path> const& pictures);

// Throws error where a folder to write into lies in a folder of the data's images or annotations: pictures in it would be data of the next
// run. The root itself, and other folders in it, are good places.
void check_beside_data(std::filesystem::path const& out, std::vector<frcnn::data::voc_source> const& sources);

// Throws error where an output is a file of the data: one that is there, below a folder of theirs or an image or an annotation in it.
void check_spares_data(std::filesystem::path const& output, std::vector<frcnn::data::voc_source> const& sources);

}  // namespace console
