#pragma once
// Collects all errors in the files of a data set into one exception, and counts warnings so that each is given once.
//
//   problem_report   errors. One: thrown as it is. Several: one error with a line for each, of a kind the first ten and a count of the rest
//   tally            a warning: how many cases, and the first of them
//   case_list        the same with more of them, to look through
// Two errors are of a kind when they expected and found the same, whatever the file, the numbers and the quoted words.
#include "frcnn/core/error.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class problem_report {
 public:
  static constexpr std::size_t of_a_kind = 10;  // that are written out

  void add(error const& e, bool can_be_skipped = false) { problems_.push_back({e, can_be_skipped}); }
  void add(std::string where, std::string expected, std::string found, bool can_be_skipped = false) {
    problems_.push_back({error(std::move(where), std::move(expected), std::move(found)), can_be_skipped});
  }
  void add(problem_report const& more) { problems_.insert(problems_.end(), more.problems_.begin(), more.problems_.end()); }
  bool empty() const { return problems_.empty(); }
  std::size_t size() const { return problems_.size(); }
  // Whether leaving out an image would leave out every one. Not for an empty report.
  bool can_be_skipped() const {
    return std::all_of(problems_.begin(), problems_.end(), [](problem const& p) { return p.can_be_skipped; });
  }
  // The first one. Not for an empty report.
  error const& first() const { return problems_.front().what; }

  // skip: how a user would leave out the files of those problems that can be skipped: "--skip-bad leaves". None: returns.
  void throw_if_any(std::string const& where, std::string const& expected, std::string const& skip) const {
    if (problems_.empty()) return;
    std::size_t skippable = 0;
    for (problem const& p : problems_) skippable += p.can_be_skipped;
    if (problems_.size() == 1) {
      error const& e = first();
      if (skippable == 0) throw e;
      throw error(e.where(), e.expected(), e.found() + " (" + skip + " its image out)");
    }
    std::string lines = std::to_string(problems_.size()) + " problems:";
    std::map<std::string, std::size_t> seen;
    for (problem const& p : problems_)
      if (++seen[kind_of(p.what)] <= of_a_kind) lines += std::string("\n  ") + p.what.what();
    for (problem const& p : problems_) {
      std::size_t& count = seen[kind_of(p.what)];
      if (count > of_a_kind)
        lines += "\n  and " + std::to_string(count - of_a_kind) + " more: expected " + p.what.expected() +
                 (p.what.found().find('\'') == std::string::npos ? ", found " + p.what.found() : "");  // what is quoted is one file's own
      count = 0;
    }
    if (skippable) lines += "\n  " + skip + " out the images of " + std::to_string(skippable) + " of these";
    throw error(where, expected, lines);
  }

 private:
  struct problem {
    error what;
    bool can_be_skipped;
  };

  static std::string kind_of(error const& e) {
    std::string kind;
    bool quoted = false;
    for (char const c : e.expected() + "\n" + e.found()) {
      if (c == '\'') quoted = !quoted;
      if (!quoted && (c < '0' || c > '9')) kind += c;
    }
    return kind;
  }

  std::vector<problem> problems_;
};

struct tally {
  std::size_t count = 0;
  std::string first;
  void add(std::string const& example) {
    if (count++ == 0) first = example;
  }
  void add(tally const& more) {
    if (count == 0) first = more.first;
    count += more.count;
  }
  // "2 boxes without area are left out, the first: a.xml, object 2"
  std::string sentence(char const* one, char const* many) const {
    return count == 1 ? std::string("1 ") + one + ": " + first : std::to_string(count) + " " + many + ", the first: " + first;
  }
};

struct case_list : tally {
  static constexpr std::size_t most = 200;
  std::vector<std::string> cases;  // the first `most`
  void add(std::string const& example) {
    tally::add(example);
    if (cases.size() < most) cases.push_back(example);
  }
  void add(case_list const& more) {
    tally::add(more);
    cases.insert(cases.end(), more.cases.begin(),
                 more.cases.begin() + static_cast<std::ptrdiff_t>(std::min(more.cases.size(), most - cases.size())));
  }
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
