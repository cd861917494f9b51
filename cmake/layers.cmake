# One library a folder of src/. The link list of a layer is the rule of dependencies: what may not be
# known is not linked, and tests/unit/house/layers_test.cpp checks the includes against these same lists.

# tandem_layer(NAME [USES layer...] [ENGINES target...])
# Makes the static library tandem_NAME from the sources of the current folder and those below it.
function(tandem_layer name)
  cmake_parse_arguments(ARG "" "" "USES;ENGINES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(LENGTH sources count)
  list(TRANSFORM ARG_USES PREPEND tandem_)
  if(count EQUAL 0)
    add_library(tandem_${name} INTERFACE)
    target_link_libraries(tandem_${name} INTERFACE tandem_options ${ARG_USES} ${ARG_ENGINES})
    return()
  endif()
  add_library(tandem_${name} STATIC ${sources})
  target_link_libraries(tandem_${name} PUBLIC tandem_options ${ARG_USES} PRIVATE ${ARG_ENGINES})
  tandem_precompile(tandem_${name})
endfunction()

# All targets reuse one precompiled header of the standard library; tandem_base makes it. Unit tests reuse one that has
# the test library and JSON as well; tandem_test makes it.
function(tandem_precompile target)
  if(target STREQUAL "tandem_base")
    target_precompile_headers(tandem_base PRIVATE "${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp")
  elseif(target STREQUAL "tandem_test")
    target_precompile_headers(tandem_test PRIVATE "${CMAKE_SOURCE_DIR}/cmake/precompiled_test.hpp")
  elseif(target MATCHES "^unit_|^simulation_tests$")
    target_precompile_headers(${target} REUSE_FROM tandem_test)
  else()
    target_precompile_headers(${target} REUSE_FROM tandem_base)
  endif()
endfunction()
