// SPDX-License-Identifier: GPL-2.0-only
#include "stats/distributions.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

namespace rmaplab
{

namespace
{
namespace policies = boost::math::policies;

// Without promotion: in long double the same sample would have other digits on arm64.
using Policy = policies::policy<
    policies::domain_error<policies::ignore_error>, policies::pole_error<policies::ignore_error>,
    policies::overflow_error<policies::ignore_error>,
    policies::evaluation_error<policies::ignore_error>, policies::promote_double<false>>;
using Normal = boost::math::normal_distribution<double, Policy>;
using Student = boost::math::students_t_distribution<double, Policy>;
using Beta = boost::math::beta_distribution<double, Policy>;
}  // namespace

double normal_cdf(double z)
{
  return boost::math::cdf(Normal(), z);
}

double normal_quantile(double p)
{
  return boost::math::quantile(Normal(), p);
}

double student_cdf(double t, double degrees_of_freedom)
{
  return boost::math::cdf(Student(degrees_of_freedom), t);
}

double student_quantile(double p, double degrees_of_freedom)
{
  return boost::math::quantile(Student(degrees_of_freedom), p);
}

double beta_quantile(double p, double a, double b)
{
  return boost::math::quantile(Beta(a, b), p);
}

}  // namespace rmaplab
