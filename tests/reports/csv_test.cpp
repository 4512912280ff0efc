// SPDX-License-Identifier: GPL-2.0-only
#include "reports/report.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

constexpr const char* kHeader =
    "workload,arguments,metric,unit,class,base_median,base_min,base_max,head_median,head_min,"
    "head_max,change,verdict,reason,site\n";

std::string rows_of(const std::vector<Sample>& base, const std::vector<Sample>& head)
{
  const std::string text = csv_report(compare_runs({.samples = base}, {.samples = head}));
  EXPECT_EQ(text.rfind(kHeader, 0), 0u);
  return text.substr(std::string(kHeader).size());
}

Sample sample(double value, int boot = 1)
{
  return {.boot = boot,
          .workload = "fork_flat",
          .arguments = "vmas=16",
          .metric = "instructions",
          .value = value};
}

Sample skip(const char* reason)
{
  return {.boot = 1,
          .workload = "fork_flat",
          .arguments = "vmas=16",
          .metric = "instructions",
          .status = SampleStatus::skip,
          .reason = reason};
}

TEST(CsvReport, NothingComparedIsTheHeaderAlone)
{
  EXPECT_EQ(rows_of({}, {}), "");
}

TEST(CsvReport, RowHasBothSidesMedianAndRange)
{
  EXPECT_EQ(rows_of({sample(200, 1), sample(202, 2), sample(210, 3)},
                    {sample(100, 1), sample(101, 2), sample(102.5, 3)}),
            "fork_flat,vmas=16,instructions,instructions/op,deterministic,"
            "202,200,210,101,100,102.5,-0.5,better,,\n");
}

TEST(CsvReport, SideWithoutAValueHasEmptyCells)
{
  EXPECT_EQ(rows_of({sample(200)}, {}),
            "fork_flat,vmas=16,instructions,instructions/op,deterministic,"
            "200,200,200,,,,,skipped,not in this run,\n");
}

TEST(CsvReport, ReasonOfTheBaseIsShownWhereTheHeadHasNone)
{
  EXPECT_EQ(rows_of({skip("idle")}, {sample(200)}),
            "fork_flat,vmas=16,instructions,instructions/op,deterministic,"
            ",,,200,200,200,,skipped,idle,\n");
}

TEST(CsvReport, ReasonWithACommaIsQuoted)
{
  const std::string rows = rows_of({sample(200)}, {skip("no, not here")});
  EXPECT_NE(rows.find(",skipped,\"no, not here\",\n"), std::string::npos) << rows;
}

TEST(CsvReport, QuotesInAReasonAreDoubled)
{
  const std::string rows = rows_of({sample(200)}, {skip("no \"slabinfo\"")});
  EXPECT_NE(rows.find(",skipped,\"no \"\"slabinfo\"\"\",\n"), std::string::npos) << rows;
}

}  // namespace
}  // namespace rmaplab
