// SPDX-License-Identifier: Apache-2.0
// Recorded digests of trainings show an accidental change of bits between commits, compilers or
// machines. Where the change is meant, raise kOrderVersion (base/version.hpp: files then say which
// arithmetic they are of) and copy the new lines from these tests' failures.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "net/model_file.hpp"
#include "tests/runtime/runs.hpp"

namespace convoy::test {
namespace {

// The digests of the nets that the other tests of digests use.
TEST(EngineDigestOf, ThisVersionIsWhatItWas) {
  std::string all;
  for (const Problem& problem : problems()) {
    const Sizes sizes = fitting(problem, {257, 48, 5});
    all += problem.name + ": " + train(problem, sizes, RunLayout{}, {2, false}) + "\n";
  }
  EXPECT_EQ(
      all,
      R"(strided: weights 0ba28ce83acbf66a state 92388d537c5e0061 losses 0x1.7f765d26f64dap+8 77 0x1.1ea082dfb7c0bp+8 147
classic: weights 8b6c533367d4ab9b state 9b366cd4e6625a14 losses 0x1.043720d083945p+9 79 0x1.f2f29905edefdp+8 86
readers: weights 68c792c117d37be4 state 1c70da4217ef215f losses 0x1.f33dfbe3dfac1p+8 30 0x1.a4a8938208178p+8 66
branches: weights c9a6733c4132cd1e state 47dd836eb439c112 losses 0x1.4ff7774099768p+8 113 0x1.3c75d33e82493p+8 126
dense: weights f7a2264d7c95cc09 state 5c8b5da3526dfb36 losses 0x1.2bf311cf68007p+9 32 0x1.043116201192bp+9 76
large: weights 5cf87b8dfdb9cda4 state 3ceee357905f7425 losses 0x1.1a609ae8fd57fp+8 113 0x1.703448fbe9d5fp+7 188
thin: weights 858e4b6f15425a43 state e0f9b3e3df95822b losses 0x1.a1733d95b6243p+8 91 0x1.8dde9e77b3313p+8 80
tiny_numbers: weights de16b5a559da557b state c33c3ec5758e0575 losses 0x1.1aea77ef07cbep+8 80 0x1.1a8c666ef53efp+8 86
adam: weights fa91d11e85e37e52 state 99505db185ff2fc4 losses 0x1.a9d327ca6a49ep+8 62 0x1.4bda01babe3ddp+8 96
adamw: weights df8d59141df7bdf3 state c23778dc8bdd3657 losses 0x1.4ff1ee97d075fp+8 111 0x1.355d6645f6b16p+8 136
rmsprop: weights f067934ee6bd87fa state a6f9145e5fc1a2c6 losses 0x1.0d63813f90e1dp+9 79 0x1.f744dbc7c10a3p+8 82
many_classes: weights b345c7c70c543ad4 state da15fc0058da39be losses 0x1.6f5acc6eab46bp+10 3 0x1.6e743003ae993p+10 3
normalized: weights 5e96508cbc137cae state ed21dbdaef0d39b9 losses 0x1.39b340a1aba9dp+8 139 0x1.cdce49bb1aad6p+5 245
grouped: weights b0c2add56153d838 state bd0267f0b192a58b losses 0x1.ef18f9726f825p+7 152 0x1.40b9d4da4653ap+6 222
dropout: weights cf9a1d1c29efa8ed state 9f804fdf94df03d5 losses 0x1.8c28751544f0fp+8 60 0x1.5d4905915f0f7p+8 77
clipped: weights c61ffaa16185c18b state 55ad83e5744521ab losses 0x1.4eef1b1b5b393p+8 110 0x1.3294fef7886c4p+8 141
lars: weights c1389f3d537b9c5a state 5c43e6b14791008f losses 0x1.cc5cad4b6044fp+8 61 0x1.ee7b4dd736384p+8 73
muon: weights c27e624862eb63c3 state cdef5d698b135a6f losses 0x1.0bfe1beb0097cp+9 33 0x1.d045cf6df4185p+8 59
ema: weights df8d59141df7bdf3 state 9cc0f14686770f6e losses 0x1.4ff1ee97d075fp+8 111 0x1.355d6645f6b16p+8 136
lookahead: weights 22faa638b4f6ea91 state 33006b4afb25c76b losses 0x1.7f4efe0792c03p+8 82 0x1.1fbdacb7d3fc8p+8 144
muon_lookahead: weights aa886db8eeab51c0 state 854885df3458742c losses 0x1.0f1df1ae43d5bp+9 33 0x1.e5ea660b02f8ap+8 41
everything: weights 82c0da476554efc9 state 9e7292312f7ef0ba losses 0x1.9b2ac4fab1ac8p+8 74 0x1.f59cb6bb0fb8fp+7 160
muon_subsample: weights b9557db759d393c8 state 844247202d46bfa5 losses 0x1.0e1826c9cf8e8p+8 126 0x1.03c4654da53c6p+8 145
float_pixels: weights b99b309a069299b4 state 0f8be2e96b6f6e0a losses 0x1.716d58b78ef72p+8 97 0x1.6b28ea0aac6b1p+8 95
modern: weights 4711124b7ce00d78 state 42215ff63757c3db losses 0x1.a01e7f4524ec7p+8 52 0x1.9a10a4db7ec6dp+8 49
squares: weights 6c58418c366df773 state 4201c5a53b543910 losses 0x1.fd073466ae944p+5 64 0x1.573430a4677c6p+5 115
)");
}

// Three steps of Convoy's models, on sixty synthetic images.
std::string digest_of(const std::string& name, const RunLayout& layout) {
  const ModelFile model =
      load_model_file(fmt::format("{}/models/{}.toml", CONVOY_SOURCE_DIR, name));
  const Problem problem{name, model.net, model.train.optimizer, 0.01F};
  return train(problem, {60, 25, 4}, layout);
}

TEST(EngineDigestOf, ModelsIsWhatItWasOnEveryInstructionSet) {
  const std::string tiny_relu =
      "weights a33b802adbc75c83 state b88275d63b28cfe9 losses 0x1.1bc107fbdcc28p+7 5";
  const std::string lenet5 =
      "weights 66f09322e67badaf state 5bf9d25a06fffe41 losses 0x1.3618b90fc3b91p+7 11";
  for (const std::string& isa : available_isas()) {
    for (const RunLayout& layout :
         {RunLayout{1, Parallelism::data, isa}, RunLayout{2, Parallelism::tensor, isa}}) {
      EXPECT_EQ(digest_of("tiny-relu", layout), tiny_relu) << describe(layout);
      EXPECT_EQ(digest_of("lenet5", layout), lenet5) << describe(layout);
    }
  }
}

}  // namespace
}  // namespace convoy::test
