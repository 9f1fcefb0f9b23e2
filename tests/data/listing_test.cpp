// SPDX-License-Identifier: Apache-2.0
// Class folders: which pictures are found, with which classes and parts, and what is refused.
#include "data/pictures/listing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "data/pictures/path_hash.hpp"
#include "tests/data/files.hpp"

namespace convoy::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A folder with empty files at `paths`: a listing opens no picture.
class Tree {
 public:
  explicit Tree(const std::vector<std::string>& paths = {}) { add(paths); }
  void add(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      if (path.ends_with('/'))
        fs::create_directories(root() / path);
      else
        write_file(root() / path, std::string("x"));
    }
  }
  void link(const fs::path& target, const std::string& path) {
    fs::create_symlink(target, root() / path);
  }
  const fs::path& root() const { return folder_.path(); }
  Listing listing() const { return list_class_folders(root()); }
  std::pair<Fault, std::string> error() const {
    return error_of([&] { list_class_folders(root()); });
  }

 private:
  TempFolder folder_;
};

// "path label part", sorted.
std::vector<std::string> pictures(const Listing& listing) {
  constexpr const char* kParts[] = {"train", "val", "test"};
  std::vector<std::string> texts;
  for (const ListedPicture& picture : listing.pictures)
    texts.push_back(picture.path + " " + listing.classes.at(picture.label) + " " +
                    kParts[static_cast<std::size_t>(picture.part)]);
  std::ranges::sort(texts);
  return texts;
}

TEST(ClassFolders, FlatLayout) {
  const Tree tree({"10/b.png", "2/a.jpg", "2/a.JPEG", "Zoo/c.webp", "ant/d.pgm"});
  const Listing listing = tree.listing();
  EXPECT_THAT(listing.classes, ElementsAre("10", "2", "Zoo", "ant"));  // as bytes
  EXPECT_THAT(pictures(listing),
              ElementsAre("10/b.png 10 train", "2/a.JPEG 2 train", "2/a.jpg 2 train",
                          "Zoo/c.webp Zoo train", "ant/d.pgm ant train"));
  EXPECT_FALSE(listing.has_test);
  EXPECT_FALSE(listing.has_validation);
  EXPECT_THAT(listing.notes, IsEmpty());
  EXPECT_EQ(listing.root, tree.root());
  EXPECT_EQ(listing.pictures[0].file.bytes, 1u);
  EXPECT_GT(listing.pictures[0].file.modified_ns, std::int64_t{1'600'000'000} * 1'000'000'000);
}

TEST(ClassFolders, Parts) {
  for (const std::string val : {"val", "valid", "validation"}) {
    const Tree tree({"train/cat/1.png", "train/dog/1.png", "test/cat/2.png", "test/dog/2.png",
                     val + "/cat/3.png", val + "/dog/3.png"});
    const Listing listing = tree.listing();
    EXPECT_THAT(listing.classes, ElementsAre("cat", "dog"));
    EXPECT_THAT(pictures(listing),
                ElementsAre("test/cat/2.png cat test", "test/dog/2.png dog test",
                            "train/cat/1.png cat train", "train/dog/1.png dog train",
                            val + "/cat/3.png cat val", val + "/dog/3.png dog val"));
    EXPECT_TRUE(listing.has_test);
    EXPECT_TRUE(listing.has_validation);
  }
}

TEST(ClassFolders, ValidationIsNoTest) {
  const Tree tree({"train/a/1.png", "train/b/1.png", "val/a/2.png", "val/b/2.png"});
  const Listing listing = tree.listing();
  EXPECT_TRUE(listing.has_validation);
  EXPECT_FALSE(listing.has_test);
}

TEST(ClassFolders, TrainAndTestAreClassesInsideTrainAndInAFlatLayout) {
  const Tree parts({"train/train/1.png", "train/test/1.png", "test/train/2.png"});
  EXPECT_THAT(pictures(parts.listing()),
              ElementsAre("test/train/2.png train test", "train/test/1.png test train",
                          "train/train/1.png train train"));
  const Tree flat({"bus/1.png", "train/1.png", "test/1.png", "tram/1.png"});
  EXPECT_THAT(flat.listing().classes, ElementsAre("bus", "test", "train", "tram"));
  EXPECT_FALSE(flat.listing().has_test);
}

TEST(ClassFolders, HiddenFilesAreLeftOutSilently) {
  const Tree tree({"a/1.png", "a/._1.png", "a/.x.png", "a/Thumbs.db", "a/desktop.ini", "b/1.png",
                   ".ipynb_checkpoints/1.png", "__MACOSX/a/1.png", ".DS_Store", "b/@eaDir/1.jpg"});
  EXPECT_THAT(pictures(tree.listing()), ElementsAre("a/1.png a train", "b/1.png b train"));
  EXPECT_THAT(tree.listing().notes, IsEmpty());
}

TEST(ClassFolders, AListBesideThemIsNamed) {
  const Tree tree({"a/1.png", "b/1.png", "birds.csv", "a/inner.csv"});
  const Listing listing = tree.listing();
  ASSERT_EQ(listing.notes.size(), 3u);
  EXPECT_THAT(listing.notes[1], HasSubstr("1 file beside the class folders is not read"));
  EXPECT_THAT(listing.notes[2], HasSubstr("birds.csv lies there"));
  EXPECT_THAT(listing.notes[2], HasSubstr("--data " + (listing.root / "birds.csv").string()));
}

TEST(ClassFolders, OtherFilesAreCountedAndNoted) {
  const Tree tree(
      {"a/1.png", "a/1.txt", "a/2.bmp", "a/3.BMP", "a/none", "b/1.png", "readme.md", "loose.png"});
  const Listing listing = tree.listing();
  EXPECT_EQ(listing.pictures.size(), 2u);
  ASSERT_EQ(listing.notes.size(), 2u);
  EXPECT_THAT(listing.notes[0], HasSubstr("4 files in the class folders are not read"));
  EXPECT_THAT(listing.notes[0], HasSubstr("2 .bmp, 1 .txt, 1 others"));
  EXPECT_THAT(listing.notes[1], HasSubstr("2 files beside the class folders are not read"));
}

TEST(ClassFolders, NestedFoldersBelongToTheirClass) {
  const Tree tree({"a/x/y/1.png", "a/x/2.png", "b/1.png"});
  EXPECT_THAT(pictures(tree.listing()),
              ElementsAre("a/x/2.png a train", "a/x/y/1.png a train", "b/1.png b train"));
}

TEST(ClassFolders, DepthIsLimited) {
  std::string deep = "a/";
  for (int i = 0; i < kMostFolderDepth; ++i) deep += "d/";
  const Tree tree({deep + "1.png", "b/1.png"});
  EXPECT_EQ(tree.error().first, Fault::bad_data);
  EXPECT_THAT(tree.error().second, HasSubstr("folders inside each other"));
}

TEST(ClassFolders, LinksAreFollowedAndLoopsCut) {
  Tree tree({"a/1.png", "a/in/2.png", "b/1.png"});
  const Tree elsewhere({"c/7.png", "8.png"});
  tree.link(elsewhere.root() / "c", "c");
  tree.link(elsewhere.root() / "8.png", "b/8.png");
  tree.link("..", "a/in/up");              // to a
  tree.link(tree.root(), "b/everything");  // to the root
  const Listing listing = tree.listing();
  EXPECT_THAT(pictures(listing),
              ElementsAre("a/1.png a train", "a/in/2.png a train", "b/1.png b train",
                          "b/8.png b train", "c/7.png c train"));
  ASSERT_EQ(listing.notes.size(), 1u);
  EXPECT_THAT(listing.notes[0], HasSubstr("a/in/up, b/everything"));
}

TEST(ClassFolders, DanglingLinksAreNamed) {
  Tree tree({"a/1.png", "b/1.png"});
  tree.link("nowhere", "a/text.txt");
  EXPECT_EQ(tree.listing().pictures.size(), 2u);
  tree.link("nowhere.png", "a/2.png");
  tree.link("3.png", "a/3.png");  // to itself
  EXPECT_EQ(tree.error().first, Fault::not_found);
  EXPECT_THAT(tree.error().second, HasSubstr("2 links lead nowhere: a/2.png, a/3.png"));
}

TEST(ClassFolders, PipesAreNoPictures) {
  const Tree tree({"a/1.png", "b/1.png"});
  ASSERT_EQ(::mkfifo((tree.root() / "a" / "2.png").c_str(), 0600), 0);
  const Listing listing = tree.listing();
  EXPECT_EQ(listing.pictures.size(), 2u);
  ASSERT_EQ(listing.notes.size(), 1u);
  EXPECT_EQ(listing.notes[0], "what is no regular file is not read, whatever its name: a/2.png");
}

// Links among folders form as many paths as there are orders of them.
TEST(ClassFolders, AFolderIsReadOnceForAClass) {
  Tree tree;
  constexpr int kFolders = 12;
  const auto name = [](int i) { return std::string(1, static_cast<char>('a' + i)); };
  for (int i = 0; i < kFolders; ++i) tree.add({name(i) + "/1.png"});
  for (int i = 0; i < kFolders; ++i)
    for (int j = 0; j < kFolders; ++j)
      if (i != j) tree.link("../" + name(j), name(i) + "/to-" + name(j));
  const Listing listing = tree.listing();
  EXPECT_EQ(listing.pictures.size(), std::size_t{kFolders * kFolders});
  ASSERT_EQ(listing.notes.size(), 2u);
  EXPECT_THAT(listing.notes[1], HasSubstr("already read for this class are left out: "));
  EXPECT_LT(listing.notes[1].size(), 1000u);
}

TEST(ClassFolders, NamesWithLineFeedsAreSpelledOut) {
  const Tree tree({"a\nb/1.png", "A\nb/1.png", "a\nb/1.\n"});
  for (const std::string& note : tree.listing().notes) {
    EXPECT_THAT(note, Not(HasSubstr("\n")));
    EXPECT_THAT(note, HasSubstr("\\n"));
  }
  EXPECT_EQ(tree.listing().notes.size(), 2u);
  const Tree empty({"a\nb/", "c/1.png"});
  EXPECT_THAT(empty.error().second, HasSubstr("no pictures of the class a\\nb"));
}

TEST(ClassFolders, EmptyClassesAreRefused) {
  const Tree tree({"a/1.png", "b/", "c/only.txt", "d/1.png"});
  EXPECT_EQ(tree.error().first, Fault::bad_data);
  EXPECT_THAT(tree.error().second, HasSubstr("no pictures of the classes b, c"));
}

TEST(ClassFolders, ClassesThatTrainLacksAreRefused) {
  for (const char* part : {"test", "val"}) {
    const Tree tree({"train/a/1.png", "train/b/1.png", std::string(part) + "/c/1.png"});
    EXPECT_EQ(tree.error().first, Fault::bad_data);
    EXPECT_THAT(tree.error().second, HasSubstr("the class c, which train lacks"));
  }
}

TEST(ClassFolders, ClassesThatTestLacksAreNoted) {
  const Tree tree({"train/a/1.png", "train/b/1.png", "test/a/1.png"});
  EXPECT_THAT(tree.listing().notes, ElementsAre("the test part has no pictures of a class: b"));
}

TEST(ClassFolders, OneClassIsRefused) {
  const Tree tree({"archive/cat/1.png", "archive/dog/2.png"});
  EXPECT_EQ(tree.error().first, Fault::bad_data);
  EXPECT_THAT(tree.error().second, HasSubstr("its only class is archive"));
  EXPECT_THAT(tree.error().second, HasSubstr("one level deeper"));
}

TEST(ClassFolders, FoldersThatLookLikePartsAreNoClasses) {
  const Tree sets({"training_set/a/1.png", "test_set/a/1.png"});
  EXPECT_THAT(sets.error().second, HasSubstr("look like parts: test_set, training_set"));
  const Tree no_train({"test/a/1.png", "val/a/1.png"});
  EXPECT_THAT(no_train.error().second, HasSubstr("train has to be there"));
  const Tree spelled({"train/a/1.png", "train/b/1.png", "Test/a/1.png"});
  EXPECT_THAT(spelled.error().second, HasSubstr("Test looks like a part, and is none"));
}

TEST(ClassFolders, AListWithoutTwoClassesIsNamed) {
  const Tree tree({"images/1.png", "birds.csv"});
  EXPECT_EQ(tree.error().first, Fault::bad_data);
  EXPECT_THAT(tree.error().second, HasSubstr("birds.csv"));
  EXPECT_THAT(tree.error().second, HasSubstr("give the list: --data "));
}

TEST(ClassFolders, AmbiguousLayoutsAreRefused) {
  const Tree two({"train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png"});
  EXPECT_THAT(two.error().second, HasSubstr("several folders for validation: val, valid"));
  const Tree mixed({"train/a/1.png", "train/1.png", "bus/1.png"});
  EXPECT_THAT(mixed.error().second, HasSubstr("it may be a class like bus"));
}

TEST(ClassFolders, OtherFoldersBesideTrainAndTestWithoutClassesAreNoted) {
  const Tree tree({"train/a/1.png", "train/b/1.png", "unlabelled/1.png", "test/9.png"});
  EXPECT_THAT(tree.listing().notes,
              ElementsAre("folders beside train are not read: unlabelled",
                          "the folder test is not read, because it holds no class folders"));
  EXPECT_FALSE(tree.listing().has_test);
}

TEST(ClassFolders, NamesThatDifferInCaseAreNoted) {
  const Tree tree({"Cat/1.png", "cat/1.png"});
  EXPECT_THAT(tree.listing().notes, ElementsAre("the classes Cat and cat differ in case only"));
}

TEST(ClassFolders, ClassNamesAreUtf8) {
  const Tree good(
      {"K\xC3\xA4"
       "fer/1.png",
       "b/\xFF.png"});
  EXPECT_EQ(good.listing().pictures.size(), 2u);  // names of files may be any bytes
  const Tree bad({"\xE4/1.png", "b/1.png"});
  EXPECT_EQ(bad.error().first, Fault::bad_data);
  EXPECT_THAT(bad.error().second, HasSubstr("has to be UTF-8"));
}

TEST(ClassFolders, FoldersThatCannotBeReadAreErrorsOfTheSystem) {
  const Tree tree({"a/1.png", "b/1.png"});
  EXPECT_EQ(error_of([&] { list_class_folders(tree.root() / "missing"); }).first, Fault::io);
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every folder";
  fs::permissions(tree.root() / "b", fs::perms::none);
  EXPECT_EQ(tree.error().first, Fault::io);
  fs::permissions(tree.root() / "b", fs::perms::owner_all);
}

// In memory: some disks take minutes to make as many folders.
TEST(ClassFolders, MoreClassesThanLabelsAreRefused) {
  std::string name = "/dev/shm/convoy-classes-XXXXXX";
  if (!::mkdtemp(name.data())) GTEST_SKIP() << "there is no /dev/shm";
  const fs::path root = name;
  for (int i = 0; i <= kMostClasses; ++i)
    ASSERT_EQ(::mkdir((root / std::to_string(i)).c_str(), 0700), 0);
  const auto [fault, message] = error_of([&] { list_class_folders(root); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_THAT(message, HasSubstr("more than 65536 class folders"));
  fs::remove_all(root);
}

TEST(ClassFolders, PicturesAreInTheOrderOfTheirHashes) {
  std::vector<std::string> paths;
  for (int i = 0; i < 50; ++i)
    for (const char* name : {"a", "b"})
      paths.push_back(std::string(name) + "/" + std::to_string(i) + ".png");
  const Tree tree(paths);
  const Listing listing = tree.listing();
  ASSERT_EQ(listing.pictures.size(), paths.size());
  PathHash hash;
  std::map<Label, int> first_half;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (i > 0) {
      EXPECT_LT(hash(listing.pictures[i - 1].path)[0], hash(listing.pictures[i].path)[0]);
    }
    if (i < paths.size() / 2) ++first_half[listing.pictures[i].label];
  }
  EXPECT_GT(first_half[0], 10);
  EXPECT_GT(first_half[1], 10);
  // SHA-256("abc") begins with ba7816bf8f01cfea 414140de5dae2223.
  EXPECT_EQ(hash("abc")[0], 0xba7816bf8f01cfeaU);
  EXPECT_EQ(hash("abc")[1], 0x414140de5dae2223U);
}

TEST(ClassFolders, AreRecognised) {
  EXPECT_TRUE(holds_class_folders(Tree({"a/1.png"}).root()));
  EXPECT_TRUE(holds_class_folders(Tree({"train/a/1.JPG"}).root()));
  EXPECT_TRUE(holds_class_folders(Tree({"train.csv"}).root()));
  EXPECT_FALSE(holds_class_folders(Tree({"1.png", "a/1.txt", "a/"}).root()));
  EXPECT_FALSE(holds_class_folders(Tree({"a/b/c/d/1.png"}).root()));
  EXPECT_FALSE(holds_class_folders("/nonexistent"));
}

TEST(ClassFolders, ListsOfPartsAreRead) {
  Tree tree({"pictures/1.png", "pictures/2.png", "pictures/3.png"});
  write_file(tree.root() / "train.csv", std::string("pictures/1.png,x\npictures/2.png,y\n"));
  write_file(tree.root() / "test.csv", std::string("path;label\npictures/3.png;y\n"));
  EXPECT_THAT(
      pictures(tree.listing()),
      ElementsAre("pictures/1.png x train", "pictures/2.png y train", "pictures/3.png y test"));
  write_file(tree.root() / "test.csv", std::string("pictures/1.png,y\n"));
  EXPECT_THAT(tree.error().second, HasSubstr("stands in line 1 of the train part, too"));
  write_file(tree.root() / "test.csv", std::string("pictures/3.png,z\n"));
  EXPECT_THAT(tree.error().second, HasSubstr("no training picture has the class z"));
  write_file(tree.root() / "test.csv", std::string("pictures/3.png,y,train\n"));
  EXPECT_THAT(tree.error().second, HasSubstr("remove the column"));
}

}  // namespace
}  // namespace convoy::testing
