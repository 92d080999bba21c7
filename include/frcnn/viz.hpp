#pragma once
// Pictures: boxes drawn on images, curves as SVG.
#include "frcnn/viz/draw.hpp"
#include "frcnn/viz/html_page.hpp"
#include "frcnn/viz/picture.hpp"
#include "frcnn/viz/plot.hpp"
#include "frcnn/viz/text.hpp"
