// What nearly every unit test needs, parsed once.
#pragma once
#include "precompiled.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
