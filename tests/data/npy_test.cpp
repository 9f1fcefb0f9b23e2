// SPDX-License-Identifier: Apache-2.0
#include "data/npy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/machine.hpp"
#include "data/data_file.hpp"
#include "tests/data/archives.hpp"

namespace convoy {
namespace {

using namespace testing;

class Npy : public ::testing::Test {
 protected:
  fs::path put(const Bytes& bytes) { return write_file(folder_ / "array.npy", bytes); }

  ImageArray images(const Bytes& bytes) {
    DataFile file(put(bytes));
    return read_npy_images(file);
  }
  LabelArray labels(const Bytes& bytes) {
    DataFile file(put(bytes));
    return read_npy_labels(file);
  }

  void expect_refused(const Bytes& bytes, const std::string& word, bool is_labels = false) {
    const auto [fault, message] = error_of([&] {
      if (is_labels) labels(bytes);
      if (!is_labels) images(bytes);
    });
    EXPECT_EQ(fault, Fault::bad_data) << message;
    EXPECT_NE(message.find((folder_ / "array.npy").string()), std::string::npos) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
  }

  TempFolder folder_;
};

TEST_F(Npy, HeadersAreReadInAnySpelling) {
  const Bytes pixels = random_bytes(24, 1);
  for (const std::string header : {
           "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }          \n",
           "{\"shape\":(2,3,4),\"fortran_order\":False,\"descr\":\"<u1\"}",
           "{'shape': (2L, 3L, 4L), 'descr': '|u1', 'fortran_order': False}\n",
           "  {\n'fortran_order'\t: False, 'descr': '>u1', 'shape': (2,3,4,) , } ",
       }) {
    const ImageArray read = images(npy_with(header, pixels));
    EXPECT_EQ(read.count, 2);
    EXPECT_EQ(read.shape, (Shape{3, 4, 1}));
    EXPECT_EQ(read.pixels, pixels);
    EXPECT_EQ(images(gzip(npy_with(header, pixels))).pixels, pixels);
  }
}

TEST_F(Npy, OtherHeadersAreRefused) {
  const std::string whole = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1), }\n";
  for (std::size_t size = 0; size + 2 < whole.size(); ++size)
    expect_refused(npy_with(whole.substr(0, size), {1}), "header that is not one of NumPy");
  for (const std::string header : {
           "{'descr': '|u1', 'fortran_order': 0, 'shape': (1, 1, 1), }",
           "{'descr': '|u1', 'fortran_order': False, 'shape': [1, 1, 1], }",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (1), }",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (1 1 1), }",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1, 1), }",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 1, 1), }",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1), 'x': 1}",
           "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1)}",
           "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1)} + 1",
           "{'descr': '|u1' 'fortran_order': False, 'shape': (1, 1, 1)}",
           "{'descr': 'u1', 'fortran_order': False, 'shape': (1, 1, 1)}",
           "{'descr': '|u', 'fortran_order': False, 'shape': (1, 1, 1)}",
           "{'descr': '|u0', 'fortran_order': False, 'shape': (1, 1, 1)}",
           "{'descr': '|u\\x31', 'fortran_order': False, 'shape': (1, 1, 1)}",
           "{'fortran_order': False, 'shape': (1, 1, 1)}",
       }) {
    expect_refused(npy_with(header, {1}), "header that is not one of NumPy");
  }
  std::string deep = "{'descr': '|u1', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 100; ++i) deep += "1,";
  expect_refused(npy_with(deep + ")}", {1}), "too many dimensions");
  Bytes other = npy("|u1", "(1, 1, 1)", {1});
  other[6] = 4;
  expect_refused(other, "unknown version of the format .npy (4.0)");
  other[0] = 'x';
  expect_refused(other, "does not begin with 0x93 NUMPY");
}

TEST_F(Npy, EveryTruncationIsRefused) {
  const Bytes whole = npy("|u1", "(2, 3, 4)", random_bytes(24, 1));
  for (std::size_t size = 1; size < whole.size(); ++size)
    expect_refused(Bytes(whole.begin(), whole.begin() + static_cast<Index>(size)), "truncated");
  Bytes longer = whole;
  longer.push_back(0);
  expect_refused(longer, "too long");
}

TEST_F(Npy, ALyingHeaderAllocatesNothing) {
  const std::uint64_t before = peak_memory_bytes();
  for (const std::string shape :
       {"(18446744073709551615, 18446744073709551615, 2)", "(4294967296, 4294967296, 1)",
        "(9223372036854775808, 1, 1)", "(1000000000, 1, 1)", "(1, 1000000, 1000000)"}) {
    for (const std::string type : {"|u1", "<f8"}) {
      const Bytes file = npy(type, shape, random_bytes(100, 1));
      expect_refused(file, "header");
      expect_refused(gzip(file), "header");
    }
  }
  Bytes header = npy("|u1", "(1, 1, 1)", {1});
  header[6] = 2;  // its length now has four bytes, of which two are those of the text
  expect_refused(header, "impossible header");
  expect_refused(npy("<i8", "(1000000000000,)", Bytes(16)), "truncated", true);
  EXPECT_LT(peak_memory_bytes(), before + (std::uint64_t{16} << 20));
}

// The position of each number in the order of the first index, against a loop over all indices.
TEST_F(Npy, ArraysInFortranOrderAreTurned) {
  for (const auto& [n, h, w, c] : std::vector<std::array<std::size_t, 4>>{
           {1, 1, 1, 1}, {5, 1, 1, 1}, {1, 4, 3, 2}, {3, 5, 7, 3}, {200, 9, 8, 1}}) {
    const Bytes wanted = random_bytes(n * h * w * c, 3);
    Bytes file(wanted.size());
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t y = 0; y < h; ++y)
        for (std::size_t x = 0; x < w; ++x)
          for (std::size_t k = 0; k < c; ++k)
            file[i + n * (y + h * (x + w * k))] = wanted[((i * h + y) * w + x) * c + k];
    const std::string shape = "(" + std::to_string(n) + ", " + std::to_string(h) + ", " +
                              std::to_string(w) + ", " + std::to_string(c) + ")";
    EXPECT_EQ(images(npy("|u1", shape, file, true)).pixels, wanted) << shape;
  }
}

TEST_F(Npy, LabelsAreWholeNumbersInOneColumn) {
  const Bytes bytes{3, 0, 1};
  for (const std::string shape : {"(3,)", "(3, 1)"})
    EXPECT_EQ(labels(npy("|u1", shape, bytes)).labels, (Labels{3, 0, 1}));
  EXPECT_EQ(labels(npy("|b1", "(3,)", {1, 0, 1})).labels, (Labels{1, 0, 1}));
  EXPECT_EQ(labels(npy(">i2", "(2,)", {1, 44, 0, 7})).labels, (Labels{300, 7}));
  EXPECT_EQ(labels(npy("<u4", "(1,)", {255, 255, 0, 0})).labels, (Labels{65535}));
  expect_refused(npy("|u1", "(1, 3)", bytes), "np.argmax(labels, axis=1)", true);
  expect_refused(npy("|u1", "(1, 3, 1)", bytes), "(1, 3, 1)", true);
  expect_refused(npy("|u1", "()", {1}), "()", true);
  expect_refused(npy("<u4", "(2,)", {0, 0, 0, 0, 0, 0, 1, 0}), "label 65536 of sample 1, at byte ",
                 true);
  expect_refused(npy("<i2", "(1,)", {255, 255}), "label -1 of sample 0", true);
  expect_refused(npy("<f4", "(1,)", {0, 0, 0, 0x3F}), "label 0.5 of sample 0", true);
  expect_refused(npy("<i8", "(1,)", {0, 0, 0, 0, 0, 0, 0, 0x80}), "label -9", true);
  expect_refused(npy("<u8", "(1,)", Bytes(8, 255)), "label 1.8", true);
}

TEST_F(Npy, APixelOutOfRangeIsNamedWithItsPlace) {
  Bytes numbers(2 * 9000, 0);
  numbers[2 * 8500 + 1] = 1;
  const Bytes file = npy("<u2", "(1, 90, 100)", numbers);
  expect_refused(file, "number 8500 at byte " +
                           std::to_string(file.size() - numbers.size() + 17000) + " is 256");
}

}  // namespace
}  // namespace convoy
