#pragma once
// Parsing of untrusted JSON: malformed text, a repeated key and text nested too deeply are a frcnn::error.
//
//   auto const header = io::parse_json("m.safetensors", "a header of tensors", 3, text);
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

// Printable and short, whatever a broken file holds.
inline std::string in_quotes(std::string_view text) { return '"' + printable(text, 100) + '"'; }

// where: names the file in errors; what: "a header"; depth: of objects and lists in one another.
#if FRCNN_DECLARES_FILES
nlohmann::json parse_json(std::string const& where, std::string const& what, int depth, std::string_view text);
#else
FRCNN_FILES_INLINE nlohmann::json parse_json(std::string const& where, std::string const& what, int depth, std::string_view text) {
  // The parser keeps the last of two equal keys and nests as deeply as it is told to: both are refused as they appear.
  using json = nlohmann::json;
  using names = std::set<std::string>;
  std::vector<names> keys;
  auto const watch = [&](int at, json::parse_event_t event, json& parsed) {
    if (at > depth) throw error(where, what, "one nested too deeply");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw error(where, "a name that is there once", in_quotes(parsed.get<std::string>()) + " twice");
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (nlohmann::json::parse_error const& e) {
    throw error(where, what + " in JSON", "a mistake at its byte " + std::to_string(e.byte));
  } catch (nlohmann::json::exception const&) {  // a number out of range
    throw error(where, what + " in JSON", "a number that is too large");
  }
}
#endif

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
