#pragma once
#include <frcnn/backend/cpu.hpp>
