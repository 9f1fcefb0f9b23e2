// SPDX-License-Identifier: Apache-2.0
// The project's own elementary functions. No weight depends on libm, which chooses among its
// variants at run time. They use IEEE additions, multiplications, divisions, std::fma, comparisons
// and bit moves alone, so they give the same bits on every machine. simd/elementwise/math-inl.hpp
// repeats the float functions step by step.
//
//   float   exp      <= 2 ulp on [-87, 88]; below it +0, above it +infinity; NaN stays NaN
//           sigmoid  e = exp(-|x|); x >= 0 ? 1 / (1 + e) : e / (1 + e)
//           tanh     |x| < 0.625: odd polynomial; else 1 - 2 / (exp(2|x|) + 1) with x's sign
//   double  exp, log, cos(2 pi t), softplus; about 1e-15 relative (absolute for cos): initialisers,
//           schedules, losses
#pragma once

namespace convoy::math {

float exp(float x);
float sigmoid(float x);
float tanh(float x);

double exp(double x);
double log(double x);        // x > 0 and normal; log(0) is -infinity
double cos_turns(double t);  // cos(2 pi t)
double softplus(double x);   // log(1 + e^x), stable

double sigmoid(double x);  // for the references in double
double tanh(double x);

}  // namespace convoy::math
