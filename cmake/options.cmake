# Compiler settings that every target shares, and the engines that we link.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

# One translation unit a target: headers are read and templates compiled once a layer instead of once a file. So the
# names in unnamed namespaces must be unique in their layer, which the compiler tells. With -DTANDEM_UNITY=OFF each
# file is compiled for itself: a whole build takes several times as long, a change of one file is built sooner.
option(TANDEM_UNITY "One translation unit a target" ON)
set(CMAKE_UNITY_BUILD ${TANDEM_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)

find_program(CCACHE ccache)
if(CCACHE)
  # base_dir and these sloppiness flags let two checkouts, and a precompiled header, share one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
pkg_check_modules(LIBPQ REQUIRED libpq)
# Only its headers: src/system/libpq.hpp says why.
add_library(libpq_headers INTERFACE)
target_include_directories(libpq_headers SYSTEM INTERFACE ${LIBPQ_INCLUDE_DIRS})
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
# As archives: no server has them by itself.
find_library(RSYNC_ARCHIVE librsync.a REQUIRED)
find_library(BLAKE2_ARCHIVE libb2.a REQUIRED) # librsync's
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

add_library(tandem_options INTERFACE)
# Designated initialisers leave the other members at their defaults on purpose.
target_compile_options(tandem_options INTERFACE -Wall -Wextra -Werror -fno-strict-aliasing -Wno-psabi
                       -Wno-missing-field-initializers)
target_include_directories(tandem_options INTERFACE "${CMAKE_SOURCE_DIR}/src")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside libstdc++ itself with optimisation and sanitizers on.
  target_compile_options(tandem_options INTERFACE
    -fpch-preprocess -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(TANDEM_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(tandem_options INTERFACE -Wno-subobject-linkage) # every source looks like a header to g++
endif()
if(TANDEM_SANITIZE)
  # Without the checks that AddressSanitizer's own make needless and that are put at every use of a pointer or reference:
  # they doubled the code and a third of the time to build it.
  target_compile_options(tandem_options INTERFACE -fsanitize=address,undefined -fno-sanitize=null,alignment,vptr,object-size
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tandem_options INTERFACE -fsanitize=address,undefined)
endif()
if(TANDEM_FUZZ)
  target_compile_options(tandem_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer)
  target_link_options(tandem_options INTERFACE -fsanitize=address,undefined)
endif()

add_library(tandem_fmt STATIC "${CMAKE_SOURCE_DIR}/cmake/fmt.cpp")
target_compile_options(tandem_fmt PRIVATE $<TARGET_PROPERTY:tandem_options,INTERFACE_COMPILE_OPTIONS>)
target_link_libraries(tandem_options INTERFACE tandem_fmt)
