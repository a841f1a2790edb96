#include "net/static_files.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "net/testing.hpp"

namespace phx::net {
namespace {

class StaticFilesTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& content) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  void SetUp() override {
    put("index.html", "<!doctype html>");
    put("assets/app-1a2b.js", "let a = 1;");
    put("assets/app-1a2b.js.br", "BR");
    put("assets/app-1a2b.js.gz", "GZ");
    put("favicon.ico", "icon");
    put("data.tar.gz", "no plain twin");
    put("empty.txt", "");
  }
  Response get(std::string path, Headers headers = {}, std::string method = "GET") {
    auto site = StaticFiles::load(folder_.path());
    EXPECT_TRUE(site);
    Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = std::move(headers);
    return site->serve(request, "/*");
  }
  ScratchFolder folder_;
};

TEST_F(StaticFilesTest, ServesFilesWithTypeAndCaching) {
  const auto js = get("/assets/app-1a2b.js");
  EXPECT_EQ(js.status, 200);
  EXPECT_EQ(js.body_text(), "let a = 1;");
  EXPECT_EQ(js.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(js.headers.get("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(js.headers.get("Vary"), "Accept-Encoding");
  EXPECT_EQ(js.route, "/*");
  EXPECT_EQ(get("/favicon.ico").headers.get("Cache-Control"), "public, max-age=3600");
  EXPECT_EQ(get("/empty.txt").status, 200);
  EXPECT_EQ(get("/data.tar.gz").body_text(), "no plain twin");
}

TEST_F(StaticFilesTest, HiddenPathsAreNotThere) {
  put(".git/config", "[core]");
  put("assets/.secret", "x");
  put(".well-known/security.txt", "Contact: x");
  put(".well-known/.hidden", "x");
  for (const char* path : {"/.git/config", "/.git", "/.env", "/.git/HEAD", "/portal/.htaccess", "/.well-known/missing",
                           "/assets/.secret", "/.well-known/.hidden", "/.."})
    EXPECT_EQ(get(path).status, 404) << path;
  EXPECT_EQ(get("/.well-known/security.txt").body_text(), "Contact: x");
}

TEST_F(StaticFilesTest, IndexAnswersExtensionlessPathsOnly) {
  for (const char* path : {"/", "/index.html", "/virtual-machines/1", "/sign-in"}) {
    const auto page = get(path);
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_EQ(page.body_text(), "<!doctype html>") << path;
    EXPECT_EQ(page.headers.get("Cache-Control"), "no-cache") << path;
  }
  for (const char* path : {"/missing.js", "/assets/app-old.css", "/assets/app-1a2b.js.map"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
}

TEST_F(StaticFilesTest, ChoosesTheEncodingTheClientTakes) {
  const std::string path = "/assets/app-1a2b.js";
  const auto encoding = [&](std::string accept) {
    return std::string(get(path, {{"Accept-Encoding", std::move(accept)}}).headers.get("Content-Encoding"));
  };
  EXPECT_EQ(encoding("gzip, br"), "br");
  EXPECT_EQ(encoding("gzip;q=1.0, br;q=0"), "gzip");
  EXPECT_EQ(encoding("br ; q=0.000, *;q=0.5"), "gzip");
  EXPECT_EQ(encoding("*"), "br");
  EXPECT_EQ(encoding("identity"), "");
  EXPECT_EQ(get(path, {{"Accept-Encoding", "br"}}).body_text(), "BR");
  EXPECT_EQ(get("/index.html", {{"Accept-Encoding", "br"}}).headers.get("Content-Encoding"), "");
}

TEST_F(StaticFilesTest, AnswersUnchangedFilesWith304) {
  const auto first = get("/favicon.ico");
  const std::string etag(first.headers.get("ETag"));
  ASSERT_FALSE(etag.empty());
  for (const auto& condition : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const auto again = get("/favicon.ico", {{"If-None-Match", condition}});
    EXPECT_EQ(again.status, 304) << condition;
    EXPECT_EQ(again.body_text(), "");
    EXPECT_EQ(again.headers.get("ETag"), etag);
  }
  EXPECT_EQ(get("/favicon.ico", {{"If-None-Match", "\"other\""}}).status, 200);
  const std::string plain(get("/assets/app-1a2b.js").headers.get("ETag"));
  EXPECT_NE(std::string(get("/assets/app-1a2b.js", {{"Accept-Encoding", "br"}}).headers.get("ETag")), plain);
}

TEST_F(StaticFilesTest, StaysInItsFolder) {
  std::ofstream(folder_ / "secret.txt") << "s";
  std::filesystem::create_directories(folder_ / "site");
  std::ofstream(folder_ / "site/index.html") << "i";
  std::filesystem::create_symlink(folder_ / "secret.txt", folder_ / "site/link.txt");
  const auto site = StaticFiles::load(folder_ / "site").value();
  EXPECT_EQ(site.size(), 1u);
  for (const char* path : {"/../secret.txt", "/link.txt", "//secret.txt", "/site/../secret.txt"}) {
    Request request;
    request.method = "GET";
    request.path = path;
    EXPECT_EQ(site.serve(request).status, 404) << path;
  }
}

TEST_F(StaticFilesTest, RefusesOtherMethodsAndMissingFolders) {
  const auto posted = get("/", {}, "POST");
  EXPECT_EQ(posted.status, 405);
  EXPECT_EQ(posted.headers.get("Allow"), "GET, HEAD");
  EXPECT_EQ(get("/", {}, "HEAD").status, 200);
  const auto missing = StaticFiles::load(folder_ / "nowhere");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason(), "static.unreadable");
}

}  // namespace
}  // namespace phx::net
