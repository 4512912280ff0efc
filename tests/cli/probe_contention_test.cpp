// SPDX-License-Identifier: GPL-2.0-only
#include "cli/probe_contention.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace rmaplab
{
namespace
{

ContentionReport two_rows()
{
  ContentionRow clone{.kind = LockKind::write,
                      .lock_class = LockClass::anon_vma,
                      .caller = "anon_vma_clone < anon_vma_fork < dup_mmap",
                      .waits = 3,
                      .total_ns = 3'000'000,
                      .p99_ns = 1'500'500,
                      .max_ns = 1'600'000};
  clone.histogram[20] = 2;
  clone.histogram[21] = 1;
  ContentionRow pipe{.kind = LockKind::mutex,
                     .lock_class = LockClass::other,
                     .caller = "pipe_read",
                     .waits = 1,
                     .total_ns = 1'000'000,
                     .p99_ns = 1'000'000,
                     .max_ns = 1'000'000};
  pipe.histogram[20] = 1;
  return {.rows = {clone, pipe},
          .counts =
              {.begins = 7, .ends = 5, .continued = 2, .unmatched_begins = 1, .unmatched_ends = 1},
          .lost = 9,
          .seconds = 1.5};
}

TEST(ContentionTable, IsThisText)
{
  EXPECT_EQ(contention_table(two_rows(), 20),
            "  waits  total ms   mean us    p99 us    max us  kind   class\n"
            "      3       3.0    1000.0    1500.5    1600.0  write  anon_vma\n"
            "        anon_vma_clone < anon_vma_fork < dup_mmap\n"
            "      1       1.0    1000.0    1000.0    1000.0  mutex  other\n"
            "        pipe_read\n"
            "\n"
            "waited in all 4.0 ms: anon_vma 75.0 %, mmap_lock 0.0 %, i_mmap 0.0 %,\n"
            "  page_table 0.0 %, other 25.0 %\n"
            "7 begins (2 went on with a wait), 5 ends in 1.50 s\n"
            "unmatched: 1 begins, 1 ends; lost records: 9\n"
            "Waits of the whole machine. rwsem spinning is invisible to these events:\n"
            "compare throughput with a control too.\n");
}

TEST(ContentionTable, RowsBeyondTheLimitAreOneLineAndStayInTheShares)
{
  const std::string text = contention_table(two_rows(), 1);
  EXPECT_NE(text.find("      1       1.0  in 1 more rows\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("pipe_read"), std::string::npos) << text;
  EXPECT_NE(text.find("anon_vma 75.0 %"), std::string::npos) << text;
}

TEST(ContentionTable, NothingWaitedHasNoShares)
{
  const std::string text = contention_table({}, 20);
  EXPECT_NE(text.find("waited in all 0.0 ms\n"), std::string::npos) << text;
}

TEST(ContentionTable, IsAtMost75ColumnsWide)
{
  for (const auto line : lines_of(contention_table(two_rows(), 20)))
    EXPECT_LE(line.size(), 75u) << line;
}

TEST(ContentionCsv, IsThisText)
{
  EXPECT_EQ(contention_csv(two_rows()),
            "kind,class,caller,waits,total_ns,p99_ns,max_ns,histogram\n"
            "write,anon_vma,anon_vma_clone < anon_vma_fork < dup_mmap,3,3000000,1500500,1600000,"
            "1048576:2 2097152:1\n"
            "mutex,other,pipe_read,1,1000000,1000000,1000000,1048576:1\n");
}

}  // namespace
}  // namespace rmaplab
