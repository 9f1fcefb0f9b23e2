// SPDX-License-Identifier: Apache-2.0
// Lists of pictures in CSV and TSV files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "data/pictures/listing.hpp"
#include "data/pictures/listing/list_rows.hpp"
#include "data/pictures/listing/lists.hpp"
#include "tests/data/files.hpp"

namespace convoy::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "path|label|part" of each row.
std::vector<std::string> rows(const std::string& text) {
  constexpr const char* kParts[] = {"train", "val", "test"};
  std::vector<std::string> result;
  for (const ListRow& row : list_rows(text, "list.csv"))
    result.push_back(row.path + "|" + row.label + "|" +
                     (row.part ? kParts[static_cast<std::size_t>(*row.part)] : "-"));
  return result;
}

std::string refusal(const std::string& text) {
  const auto [fault, message] = error_of([&] { list_rows(text, "list.csv"); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_THAT(message, HasSubstr("cannot use the list list.csv"));
  return message;
}

TEST(ListRows, SeparatorsLineEndsAndHeaders) {
  for (const char* separator : {",", "\t", ";"})
    for (const char* end : {"\n", "\r\n"})
      for (const char* header : {"", "path,label", "Label,x,FILE"})
        for (const char* begin : {"", "\xEF\xBB\xBF"}) {
          const std::string s = separator, h = header;
          const bool swapped = h.starts_with("Label");
          std::string text = begin;
          for (const char c : h) text += c == ',' ? s : std::string(1, c);
          if (!h.empty()) text += end;
          text += swapped ? "cat" + s + "1" + s + "a.png" : "a.png" + s + "cat";
          text += std::string(end) + end;  // and a blank line
          text += swapped ? " dog " + s + "1" + s + "b c.png " : "b c.png " + s + " dog";
          EXPECT_THAT(rows(text), ElementsAre("a.png|cat|-", "b c.png|dog|-")) << text;
        }
}

TEST(ListRows, QuotesAsInRfc4180) {
  EXPECT_THAT(rows("\"a,b.png\",\"the \"\"big\"\" cat\"\r\n \"c\nd.png\" , e\n"),
              ElementsAre("a,b.png|the \"big\" cat|-", "c\nd.png|e|-"));
  EXPECT_THAT(rows("a.png,\" x \"\r\n"), ElementsAre("a.png| x |-"));
  EXPECT_THAT(refusal("a.png,x\n\"b.png,y\n\n"), HasSubstr("line 2: a quote is not closed"));
  EXPECT_THAT(refusal("a.png,5\" disk\n"), HasSubstr("line 1: a quote inside a field"));
  EXPECT_THAT(refusal("\"a\"b.png,x\n"), HasSubstr("line 1: text behind a closing quote"));
}

TEST(ListRows, Parts) {
  EXPECT_THAT(rows("a,x,train\nb,x,VAL\nc,y,testing\nd,y,valid\ne,y,Training\n"),
              ElementsAre("a|x|train", "b|x|val", "c|y|test", "d|y|val", "e|y|train"));
  EXPECT_THAT(rows("image,split,category\na,test,x\n"), ElementsAre("a|x|test"));
  EXPECT_THAT(refusal("a,x,train\nb,x,dev\n"), HasSubstr("line 2: \"dev\" is no part"));
  EXPECT_THAT(refusal("a,x,\n"), HasSubstr("\"\" is no part"));
}

TEST(ListRows, WhatIsNoListIsRefusedWithTheLine) {
  EXPECT_THAT(refusal("a.png\n"), HasSubstr("line 1: 1 field and no header"));
  EXPECT_THAT(refusal("a,b,c,d\n"), HasSubstr("line 1: 4 fields and no header"));
  EXPECT_THAT(refusal("path,size\n"), HasSubstr("no column is called label, class or category"));
  EXPECT_THAT(refusal("a,x\nb\n"), HasSubstr("line 2: 1 fields, where the first line has 2"));
  EXPECT_THAT(refusal("a,x\n\nb,\n"), HasSubstr("line 3: the label is empty"));
  EXPECT_THAT(refusal(",x\n"), HasSubstr("line 1: the path is empty"));
  EXPECT_THAT(refusal("a,\xFF\n"), HasSubstr("line 1: the label is not UTF-8"));
  EXPECT_THAT(refusal("a," + std::string(300, 'x')), HasSubstr("the label has 300 bytes"));
  EXPECT_THAT(refusal("path,label\n\n"), HasSubstr("it has no pictures"));
  EXPECT_THAT(refusal("\xFF\xFE"
                      "a"),
              HasSubstr("UTF-16"));
  EXPECT_THAT(refusal(std::string("a\0,x\n", 5)), HasSubstr("zero bytes"));
  EXPECT_THAT(refusal(std::string(2000, ',')), HasSubstr("more than 1000 fields"));
}

class ListFile : public ::testing::Test {
 protected:
  ListFile() {
    for (const char* name : {"1.png", "2.png", "sub/3.png"})
      write_file(folder.path() / name, std::string("x"));
  }
  fs::path list(const std::string& text) const {
    return write_file(folder.path() / "list.csv", text);
  }
  Listing listing(const std::string& text) const { return list_file(list(text)); }
  std::string refusal(const std::string& text, Fault fault = Fault::bad_data) const {
    const auto [is, message] = error_of([&] { listing(text); });
    EXPECT_EQ(is, fault) << message;
    return message;
  }
  std::vector<std::string> paths(const Listing& listing) const {
    std::vector<std::string> all;
    for (const auto& picture : listing.pictures)
      all.push_back(picture.path + " " + listing.classes.at(picture.label));
    std::ranges::sort(all);
    return all;
  }
  TempFolder folder;
};

TEST_F(ListFile, PathsAreThoseOfTheListsFolder) {
  const Listing all =
      listing("./1.png,b\n" + (folder.path() / "2.png").string() + ",a\nsub//3.png,a\n");
  EXPECT_THAT(all.classes, ElementsAre("a", "b"));
  EXPECT_THAT(paths(all), ElementsAre("1.png b", "2.png a", "sub/3.png a"));
  EXPECT_EQ(all.root, folder.path());
  EXPECT_FALSE(all.has_test);
  EXPECT_EQ(all.pictures[0].file.bytes, 1u);
  EXPECT_THAT(refusal("../1.png,a\n"), HasSubstr("\"..\" in ../1.png"));
  EXPECT_THAT(refusal("/etc/passwd,a\n"), HasSubstr("line 1: /etc/passwd is not in"));
  EXPECT_THAT(refusal("1.png,a\n./1.png,b\n"), HasSubstr("stands in line 1 of the train part"));
  EXPECT_THAT(refusal("sub,a\n"), HasSubstr("sub is not a regular file"));
}

TEST_F(ListFile, MissingFilesAreNamedUpToTwenty) {
  std::string text;
  for (int i = 100; i < 125; ++i) text += std::to_string(i) + ".png,a\n";
  const std::string message = refusal(text, Fault::not_found);
  EXPECT_THAT(message, HasSubstr("25 files do not exist in"));
  EXPECT_THAT(message, HasSubstr("118.png, 119.png and 5 more"));
  EXPECT_THAT(refusal("sub\\3.png,a\n", Fault::not_found), HasSubstr("write / between folders"));
  EXPECT_THAT(refusal("id,breed\n1.png,a\n", Fault::not_found),
              HasSubstr("call them path and label"));
}

TEST_F(ListFile, NumbersAreTheClasses) {
  const Listing numbers = listing("1.png,10\n2.png,2\nsub/3.png,10\n");
  ASSERT_EQ(numbers.classes.size(), 11u);
  EXPECT_EQ(numbers.classes[10], "10");
  EXPECT_THAT(paths(numbers), ElementsAre("1.png 10", "2.png 2", "sub/3.png 10"));
  EXPECT_THAT(numbers.notes,
              ElementsAre("9 of 11 classes have no pictures: 0, 1, 3, 4, 5 and 4 more"));
  const Listing names = listing("1.png,10\n2.png,2\nsub/3.png,x\n");
  EXPECT_THAT(names.classes, ElementsAre("10", "2", "x"));
  EXPECT_THAT(refusal("1.png,0\n2.png,0\n"), HasSubstr("its only class is 0"));
}

// One number out of range does not make names of the others, which would have another order.
TEST_F(ListFile, NumbersOutOfRangeAreRefusedWithTheLine) {
  for (const std::string bad : {"-1", "65536", "12345678901234567890", "-0"}) {
    const std::string message = refusal("1.png,10\n2.png,2\nsub/3.png," + bad + "\n");
    EXPECT_THAT(message, HasSubstr("list.csv (line 3: the label " + bad));
    EXPECT_THAT(message, HasSubstr("not from 0 to 65535"));
  }
  EXPECT_THAT(listing("1.png,-1\n2.png,65536\nsub/3.png,x\n").classes,
              ElementsAre("-1", "65536", "x"));
  EXPECT_THAT(listing("1.png,1.5\n2.png,-\n").classes, ElementsAre("-", "1.5"));
  write_file(folder.path() / "train.csv", std::string("1.png,0\n2.png,1\n"));
  write_file(folder.path() / "test.csv", std::string("sub/3.png,-1\n"));
  const auto [fault, message] = error_of([&] {
    list_parts_of(folder.path(),
                  {{"train.csv", PicturePart::train}, {"test.csv", PicturePart::test}});
  });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_THAT(message, HasSubstr("test.csv (line 1: the label -1"));
}

TEST_F(ListFile, NamesWithLineFeedsAreSpelledOut) {
  EXPECT_THAT(refusal("\"a\nb.png\",x\n", Fault::not_found), HasSubstr("a\\nb.png"));
  EXPECT_THAT(refusal("\"../a\nb.png\",x\n"), HasSubstr("in ../a\\nb.png"));
}

TEST_F(ListFile, NumbersGetTheirNamesFromAFile) {
  write_file(folder.path() / "class_names.txt", std::string("cat\ndog\n"));
  EXPECT_THAT(paths(listing("1.png,1\n2.png,0\n")), ElementsAre("1.png dog", "2.png cat"));
  EXPECT_THAT(refusal("1.png,2\n2.png,0\n"), HasSubstr("has 2 names"));
}

TEST_F(ListFile, PartsAreThoseOfTheColumn) {
  const Listing all = listing("1.png,a,train\n2.png,b,train\nsub/3.png,a,test\n");
  EXPECT_TRUE(all.has_test);
  EXPECT_FALSE(all.has_validation);
  EXPECT_THAT(refusal("1.png,a,train\n2.png,b,test\n"),
              HasSubstr("no training picture has the class b"));
  EXPECT_THAT(refusal("1.png,a,val\n2.png,b,test\n"), HasSubstr("no training pictures"));
}

TEST_F(ListFile, GzipAndNames) {
  const std::string text = "1.png,a\n2.png,b\n";
  const fs::path packed =
      write_file(folder.path() / "list.csv.gz", gzip(Bytes(text.begin(), text.end())));
  EXPECT_EQ(list_file(packed).pictures.size(), 2u);
  EXPECT_TRUE(is_list_name("a/list.CSV"));
  EXPECT_TRUE(is_list_name("list.tsv.gz"));
  EXPECT_FALSE(is_list_name("list.npz"));
}

}  // namespace
}  // namespace convoy::testing
