#pragma once
// The data that train_voc is told of, or scenes that it renders itself.
#include "../console/data_options.hpp"
#include "options.hpp"
#include "processes.hpp"

// Without --data the scenes are rendered into --out, once, and `a` names them from then on. Throws error where the data is not sound, or --out
// lies in it.
console::datasets data_of(arguments& a, console::processes& team);
