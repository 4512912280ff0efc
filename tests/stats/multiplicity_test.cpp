// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/multiplicity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

// Benjamini & Hochberg (1995): 15 hypotheses of one study of thrombolysis.
const Values kThrombolysis = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                              0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};

void expect_near(const Values& values, const Values& expected)
{
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 1e-12) << i;
}

std::ptrdiff_t count_within(const Values& p, double level)
{
  return std::count_if(p.begin(), p.end(), [&](double value) { return value <= level; });
}

TEST(BenjaminiHochberg, RejectsFourOfTheirFifteen)
{
  const Values adjusted = benjamini_hochberg(kThrombolysis);
  EXPECT_EQ(count_within(adjusted, 0.05), 4);
  // R: p.adjust(bh, "BH")
  expect_near(adjusted, {0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571428571429,
                         0.0638571428571429, 0.0645, 0.0765, 0.486, 0.581181818181818, 0.714875,
                         0.753230769230769, 0.813214285714286, 1});
}

TEST(Holm, RejectsThreeOfTheFifteen)
{
  const Values adjusted = holm(kThrombolysis);
  EXPECT_EQ(count_within(adjusted, 0.05), 3);
  // R: p.adjust(bh, "holm")
  expect_near(adjusted, {0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1, 1,
                         1, 1, 1, 1});
}

TEST(Multiplicity, ResultsKeepTheOrderOfTheInput)
{
  expect_near(holm(Values{0.03, 0.01, 0.5}), {0.06, 0.03, 0.5});
  expect_near(benjamini_hochberg(Values{0.03, 0.01, 0.5}), {0.045, 0.03, 0.5});
}

TEST(Multiplicity, EqualInputsHaveEqualResults)
{
  expect_near(holm(Values{0.02, 0.02, 0.02}), {0.06, 0.06, 0.06});
  expect_near(benjamini_hochberg(Values{0.02, 0.02, 0.02}), {0.02, 0.02, 0.02});
}

TEST(Multiplicity, OneMetricAloneIsNotAdjusted)
{
  EXPECT_EQ(holm(Values{0.04}), Values{0.04});
  EXPECT_EQ(benjamini_hochberg(Values{0.04}), Values{0.04});
}

TEST(Multiplicity, ResultsStayWithinZeroAndOne)
{
  EXPECT_EQ(holm(Values{0, 0.9, 1}), (Values{0, 1, 1}));
  EXPECT_EQ(benjamini_hochberg(Values{0, 1, 1}), (Values{0, 1, 1}));
}

TEST(Multiplicity, NoMetricsHaveNoResults)
{
  EXPECT_EQ(holm({}), Values{});
  EXPECT_EQ(benjamini_hochberg({}), Values{});
}

}  // namespace
}  // namespace rmaplab
