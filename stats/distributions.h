// SPDX-License-Identifier: GPL-2.0-only
// The few distributions we need, by Boost.Math, whose headers are slow to compile: only
// distributions.cpp includes them. Nothing here throws: outside its domain a function
// returns NaN, and a quantile at 0 or 1 the end of the distribution's range.
#pragma once

namespace rmaplab
{

double normal_cdf(double z);
double normal_quantile(double p);
double student_cdf(double t, double degrees_of_freedom);
double student_quantile(double p, double degrees_of_freedom);
double beta_quantile(double p, double a, double b);

}  // namespace rmaplab
