use maud::{Markup, html};

use super::{section::Section, tables::label};
use crate::fairness::FairnessRow;

/// What the methods have in common and where they differ, a row a thing; nothing where there is nothing to compare.
pub(crate) fn fairness_table(section: &Section) -> Option<Markup> {
    if section.series.len() < 2 {
        return None;
    }
    let fairness = section.comparison().fairness();
    let differing = fairness.rows.iter().filter(|row| row.differs).count();
    Some(html! {
        p.note {
            (differing) " of " (fairness.rows.len()) " things that a fair comparison has in common differ; "
            "what differs from most methods is marked " span.differs-mark { "≠" } "."
        }
        div.scroll tabindex="0" role="region" aria-label="fairness" {
            table.config {
                thead { tr {
                    th scope="col" { "thing" }
                    @for (style, series) in section.styled() { th scope="col" { (label(style, series)) } }
                } }
                tbody { @for row in &fairness.rows { (draw(row)) } }
            }
        }
    })
}

fn draw(row: &FairnessRow) -> Markup {
    let same = !row.differs && row.cells.iter().all(|cell| cell.text == row.cells[0].text);
    html! {
        tr.differs[row.differs] {
            th scope="row" { (row.name) }
            @if same {
                td colspan=(row.cells.len()) { (row.cells[0].text) }
            } @else {
                @for cell in &row.cells {
                    td { (cell.text) @if cell.differs { " " span.differs-mark title="differs" { "≠" } } }
                }
            }
        }
    }
}
