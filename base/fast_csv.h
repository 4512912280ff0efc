// SPDX-License-Identifier: GPL-2.0-only
// fast-cpp-csv-parser, with what it takes to include it. Its exceptions are caught by those
// who include this; no other header may.
#pragma once

// clang-format off
#include <limits>  // csv.h needs it and does not include it
#define CSV_IO_NO_THREAD
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstringop-truncation"  // g++ 12 on its own strncpy
#endif
#include <libfccp/csv.h>
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
// clang-format on
