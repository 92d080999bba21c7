// Names that Windows headers define as macros, defined before any header of ours: none of ours is one of them.
// min and max are not among them: <windows.h> leaves them alone where NOMINMAX is defined, which config.hpp asks for.
#define interface struct
#define small char
#define hyper long long
#define near
#define far
#define cdecl
#define pascal
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define CALLBACK
#define WINAPI
#define PASCAL
#define PURE = 0
#define THIS
#define THIS_
#define TRUE 1
#define FALSE 0
#define NULL_BRUSH 5
#define ERROR 0
#define NO_ERROR 0L
#define DELETE 0x00010000L
#define READ_CONTROL 0x00020000L
#define SYNCHRONIZE 0x00100000L
#define STRICT 1
#define IGNORE 0
#define INFINITE 0xFFFFFFFF
#define ABSOLUTE 1
#define RELATIVE 2
#define OPAQUE 2
#define TRANSPARENT 1
#define DIFFERENCE 11
#define CreateFile CreateFileA
#define CopyFile CopyFileA
#define DeleteFile DeleteFileA
#define DrawText DrawTextA
#define GetObject GetObjectA
#define GetMessage GetMessageA
#define LoadImage LoadImageA
#define SendMessage SendMessageA
#define chx1 0x0410
#define cmb1 0x0470
#define edt1 0x0480
#define grp1 0x0430
#define lst1 0x0460
#define rad1 0x0420
#define rct1 0x0438
#define stc1 0x0440

#include "frcnn/compress.hpp"
#include "frcnn/data.hpp"
#include "frcnn/eval.hpp"
#include "frcnn/frcnn.hpp"
#include "frcnn/io.hpp"
#include "frcnn/load.hpp"
#include "frcnn/viz.hpp"

// The training side, which no umbrella holds.
#include "frcnn/testing/decisions.hpp"
#include "frcnn/testing/gradcheck.hpp"
#include "frcnn/testing/parity.hpp"
#include "frcnn/train/checkpoint.hpp"
#include "frcnn/train/data_feed.hpp"
#include "frcnn/train/evaluation.hpp"
#include "frcnn/train/metrics_file.hpp"

frcnn::presets::small_net<frcnn::cpu>* preset;
