#include "sites/last_words.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

namespace {

using Lines = std::vector<std::string>;

const Lines stopped{"Traceback (most recent call last):", "  File \"options.py\", line 390, in managers",
                    "KeyboardInterrupt"};
const Lines broken{"Traceback (most recent call last):", "  File \"wsgi.py\", line 9, in <module>",
                   "    raise RuntimeError(\"it does not start\")", "RuntimeError: it does not start"};
const Lines around{"*** Operational MODE: preforking+threaded ***", "unable to load app 0", "goodbye to uWSGI."};

Lines joined(std::initializer_list<Lines> parts) {
  Lines all;
  for (const auto& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

} // namespace

TEST(LastWords, AreTheErrorOfTheCodeNotTheEndOfAWorkerThatWasStoppedForIt) {
  EXPECT_EQ(last_words(joined({around, broken, stopped, around})), broken);
  EXPECT_EQ(last_words(joined({around, stopped, broken, around})), broken);
}

TEST(LastWords, WithoutAnErrorAreTheLastLines) {
  EXPECT_EQ(last_words(joined({stopped, around})), joined({stopped, around}));
  EXPECT_EQ(last_words(around), around);
  EXPECT_TRUE(last_words({}).empty());
  Lines many(40, "a line");
  many.emplace_back("the last one");
  EXPECT_EQ(last_words(many).size(), 15U);
  EXPECT_EQ(last_words(many).back(), "the last one");
}

TEST(LastWords, OfALongTracebackAreItsEnd) {
  auto deep = Lines{broken[0]};
  deep.insert(deep.end(), 60, "  File \"deep.py\", line 1, in one");
  deep.push_back(broken.back());
  EXPECT_EQ(last_words(joined({around, deep})).size(), 15U);
  EXPECT_EQ(last_words(joined({around, deep})).back(), broken.back());
  // Cut off by the log's own limit, it has no error yet.
  EXPECT_EQ(last_words({broken[0], broken[1]}), (Lines{broken[0], broken[1]}));
}

} // namespace tandem::sites
