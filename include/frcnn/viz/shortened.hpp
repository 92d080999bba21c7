#pragma once
// A name in at most `most` characters of UTF-8: without its middle, where "..." stands, if it has more. Both ends tell names apart.
//
// Example: shortened("chlorophyllaceous", 11) is "chlo...eous"
#include "frcnn/config.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

// most: at least 3.
inline std::string shortened(std::string_view text, std::size_t most) {
  std::vector<std::size_t> begins;  // of each UTF-8 character
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) begins.push_back(i);
  most = std::max<std::size_t>(most, 3);
  if (begins.size() <= most) return std::string(text);
  std::size_t const front = (most - 2) / 2, back = most - 3 - front;
  std::size_t const behind = back ? begins[begins.size() - back] : text.size();
  return std::string(text.substr(0, begins[front])) + "..." + std::string(text.substr(behind));
}

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
