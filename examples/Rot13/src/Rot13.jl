"""
Moves letters by half the alphabet: of the words given as arguments, else of standard input, line by line.

An app package as `Pkg.Apps` knows it: `[apps]` in Project.toml names the apps, and each one's module has a `main`.
"""
module Rot13

"One letter moved by `places`; anything else stays."
function rotate(character::AbstractChar, places)
    for first in ('a', 'A')
        position = character - first
        0 <= position < 26 && return first + mod(position + places, 26)
    end
    character
end

rotate(text::AbstractString, places) = map(character -> rotate(character, places), text)

function translate(arguments, places)
    if isempty(arguments)
        foreach(line -> println(rotate(line, places)), eachline(stdin))
    else
        println(join((rotate(word, places) for word in arguments), " "))
    end
    return 0
end

main(arguments) = translate(arguments, 13)

"The way back. For this shift it is the same way."
module InvRot13
using ..Rot13: translate
main(arguments) = translate(arguments, -13)
@static isdefined(Base, Symbol("@main")) && @main
end

"Modules may lie as deep as one likes."
module Tools

"How many letters there are to be moved."
module Count
using ...Rot13: rotate
main(arguments) = (println(count(letter -> rotate(letter, 13) != letter, join(arguments))); 0)
@static isdefined(Base, Symbol("@main")) && @main
end

end

"What Julia was started with: the flags stand in Project.toml, and those before a `--` win."
module Flags
function main(arguments)
    options = Base.JLOptions()
    println("optimize ", options.opt_level, ", depwarn ", options.depwarn == 2 ? "error" : "otherwise")
    return 0
end
@static isdefined(Base, Symbol("@main")) && @main
end

# From Julia 1.11 on this makes `main` what `julia -m Rot13` calls.
@static isdefined(Base, Symbol("@main")) && @main

end
