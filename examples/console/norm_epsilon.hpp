#pragma once
// --bn-eps: the epsilon of batch normalisation of another program's weights, which no file says (frcnn/detector/weights_file.hpp).

#include "cli_names.hpp"

#include <optional>
#include <string>

namespace console {

CLI::Option* add_norm_epsilon(CLI::App& app, std::optional<double>& value);

// taken: what frcnn::taken_unsaid or load_weights has to say.
void say_taken(std::string const& taken);

}  // namespace console
