#include "data.hpp"

#include "../console/outputs.hpp"

#include <frcnn/data/demo.hpp>
#include <frcnn/data/voc_source.hpp>

console::datasets data_of(arguments& a, console::processes& team) {
  std::filesystem::path const out = a.out, known = out / "checked_images.txt";
  if (a.data.empty()) {
    std::filesystem::path const demo = out / "demo-data";
    if (a.resume && !console::there(demo) && console::there(out / "checkpoint"))
      throw frcnn::error("--resume", "the arguments of the run in " + a.out + ", its --data among them", "no --data");
    console::say("no --data: trains on scenes that are rendered into " + demo.string());
    team.barrier();  // all have looked
    if (team.is_first() && !console::there(demo)) frcnn::data::write_demo_voc(demo, {.progress = console::stop_between});
    team.barrier();
    a.data = {demo.string()};
  }
  std::vector<frcnn::data::voc_source> read;
  for (auto const& spec : a.data) read.push_back(frcnn::data::parse_voc_spec(spec));
  for (auto const& spec : a.test) read.push_back(frcnn::data::parse_voc_spec(spec));
  if (!a.validation.data.empty()) read.push_back(frcnn::data::parse_voc_spec(a.validation.data));
  console::check_beside_data(out, read);
  a.reading.choose_difficult(a.data);
  return console::datasets(
      {.data = a.data,
       .test = a.test,
       .classes = a.classes,
       .no_test = a.no_test,
       .threads = a.compute.threads,
       .known = known,
       .validation = a.validation.data,
       .held_out = a.validation.held_out(),
       .sharing = {{team.rank_here(), team.size_here()}, [&](std::string const& text) { return team.gather_here(text); }}},
      a.reading);
}
